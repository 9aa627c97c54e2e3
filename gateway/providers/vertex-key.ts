// What a Google service account shows to Vertex AI: a token it signs itself, so that no token endpoint is asked and no
// address in a key file is followed. Refuses other kinds of Google credentials, each with what to do instead.

import { z } from "zod";
import { KeyUnusable, type ExchangeKey } from "./exchange.ts";

/** How long a token is valid; Google takes an hour at most. */
export const TOKEN_LIFETIME_S = 3_600;
/** Issued this long ago: Google refuses a token from the future, and clocks differ. */
const CLOCK_SKEW_S = 30;

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
/** An access token as `gcloud auth print-access-token` prints it. */
const ACCESS_TOKEN = /^ya29\.[\w.-]+$/;

const ServiceAccount = z.looseObject({
  type: z.literal("service_account"),
  client_email: z.email(),
  private_key: z.string().startsWith("-----BEGIN PRIVATE KEY-----"),
  private_key_id: z.string().optional(),
});

const FIX =
  "Vertex AI takes the JSON key of a service account, or an access token that a !command prints (`!gcloud auth print-access-token`).";

/** Signs a token as AIP-4111 describes it, with a scope in place of an audience. */
export const exchangeVertexKey: ExchangeKey = async (key, { nowMs }) => {
  if (ACCESS_TOKEN.test(key)) return { token: key, endsAtMs: Number.POSITIVE_INFINITY };
  const account = parseAccount(key);
  const issuedAtS = Math.floor(nowMs() / 1_000) - CLOCK_SKEW_S;
  const endsAtS = issuedAtS + TOKEN_LIFETIME_S;
  // Loaded by those who need it.
  const { importPKCS8, SignJWT } = await import("jose");
  try {
    const token = await new SignJWT({ scope: SCOPE })
      .setProtectedHeader({
        alg: "RS256",
        typ: "JWT",
        ...(account.private_key_id !== undefined && { kid: account.private_key_id }),
      })
      .setIssuer(account.client_email)
      .setSubject(account.client_email)
      .setIssuedAt(issuedAtS)
      .setExpirationTime(endsAtS)
      .sign(await importPKCS8(account.private_key, "RS256"));
    return { token, endsAtMs: endsAtS * 1_000 };
  } catch (cause) {
    throw new KeyUnusable("The private key of the service account for Vertex AI cannot sign.", {
      cause,
    });
  }
};

function parseAccount(key: string): z.infer<typeof ServiceAccount> {
  let json: unknown;
  try {
    json = JSON.parse(key);
  } catch {
    // What the parser quotes would be the key.
    throw new KeyUnusable(`The key for Vertex AI is neither JSON nor an access token. ${FIX}`);
  }
  const account = ServiceAccount.safeParse(json);
  if (account.success) return account.data;
  const { type } =
    z.looseObject({ type: z.string().max(60).optional() }).safeParse(json).data ?? {};
  const isOther = type !== undefined && type !== "service_account" && /^\w+$/.test(type);
  const wrong = account.error.issues.map(({ path }) => path.join(".")).join(", ");
  const what = isOther
    ? `The key for Vertex AI is a Google credential of type "${type}".`
    : `The key for Vertex AI is no service account's: ${wrong || "no object"} is wrong.`;
  throw new KeyUnusable(`${what} ${FIX}`);
}
