// What lets this tab see the data: the secret of the link is taken out of the address before anything else happens, and
// exchanged for a pass that only this tab of this origin has. No cookie: those know no ports.

const STORED = "parley-dash-session";
const ENDPOINT = "/dash/session";

/** Where the pass is from here on; undefined where there is none. */
export function storedSession(): string | undefined {
  return sessionStorage.getItem(STORED) ?? undefined;
}

/** Exchanges the link in the address, if there is one; "used" when it is none any more. */
export async function redeemLink(): Promise<"none" | "open" | "used"> {
  const link = location.hash.slice(1);
  if (!link.startsWith("pdl_")) return "none";
  history.replaceState(null, "", location.pathname + location.search);
  const answer = await fetch(ENDPOINT, { method: "POST", headers: bearer(link) });
  if (answer.status !== 201) return "used";
  const { session } = (await answer.json()) as { session: string };
  sessionStorage.setItem(STORED, session);
  return "open";
}

/** Asks as this tab. */
export function askAs(path: string): Promise<Response> {
  const session = storedSession();
  return fetch(path, { headers: session === undefined ? {} : bearer(session) });
}

/** Forgets the pass, here and at the gateway. */
export async function endSession(): Promise<void> {
  const session = storedSession();
  sessionStorage.removeItem(STORED);
  if (session !== undefined) await fetch(ENDPOINT, { method: "DELETE", headers: bearer(session) });
}

function bearer(secret: string): Record<string, string> {
  return { authorization: `Bearer ${secret}` };
}
