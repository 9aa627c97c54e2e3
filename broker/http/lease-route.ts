// `POST /v1/credential/:id/lease`: one credential for a while, for a client that gets no API keys for good.
// Never a refresh token, whoever asks.

import { type CredentialLeased, redactCredential } from "#wire";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import { credentialOfCall, targetOf } from "./caller-view.ts";
import type { Call, Route } from "./route.ts";

/** How long a client may use a leased API key before it asks again, in ms. */
export const LEASE_TTL_MS = 15 * 60_000;

/** What the route needs. */
export interface LeaseServices {
  readonly vault: Vault;
  readonly nowMs: () => number;
}

/** The lease. */
export function leaseRoute(services: LeaseServices): Route {
  return {
    method: "POST",
    path: "/v1/credential/:id/lease",
    permission: "snapshot",
    action: "credential.lease",
    handle: (call) => lease(call, services),
  };
}

async function lease(call: Call, { vault, nowMs }: LeaseServices): Promise<Response> {
  const stored = credentialOfCall(vault, call);
  await call.record(targetOf(stored));
  const { id, provider } = stored;
  const credential = redactCredential(stored.credential);
  const leasedUntilMs = endOfLease(stored, nowMs());
  const answer: CredentialLeased = { lease: { id, provider, credential, leasedUntilMs } };
  return Response.json(answer, { headers: { "cache-control": "no-store" } });
}

// An access token ends by itself; a key does not, so its end is a promise of the client's.
function endOfLease({ credential }: StoredCredential, nowMs: number): number {
  return credential.type === "oauth" ? credential.expires : nowMs + LEASE_TTL_MS;
}
