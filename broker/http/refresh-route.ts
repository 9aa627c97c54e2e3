// `POST /v1/credential/:id/refresh`: has a grant renewed now, and answers with its new access token.

import type { CredentialRefreshed } from "#wire";
import type { Refresher } from "../refresh/refresher.ts";
import { entryOf } from "../snapshot/snapshot.ts";
import type { Vault } from "../vault/vault.ts";
import { credentialOfCall, targetOf, viewOfCall } from "./caller-view.ts";
import { Refusal } from "./refusal.ts";
import type { Call, Route } from "./route.ts";

/** What the route needs. */
export interface RefreshServices {
  readonly vault: Vault;
  readonly refresher: Pick<Refresher, "refresh">;
}

/** The refresh. */
export function refreshRoute(services: RefreshServices): Route {
  return {
    method: "POST",
    path: "/v1/credential/:id/refresh",
    permission: "refresh",
    action: "credential.refresh",
    handle: (call) => refresh(call, services),
  };
}

async function refresh(call: Call, { vault, refresher }: RefreshServices): Promise<Response> {
  const known = credentialOfCall(vault, call);
  if (known.credential.type !== "oauth") throw notOAuth();
  await call.record(targetOf(known));
  const renewed = await refresher.refresh(known.id);
  const answer: CredentialRefreshed = { entry: entryOf(renewed, viewOfCall(call).disclosure) };
  return Response.json(answer, { headers: { "cache-control": "no-store" } });
}

function notOAuth(): Refusal {
  const message = "this credential is an API key, and those are not refreshed";
  return new Refusal(409, message, { code: "not_oauth" });
}
