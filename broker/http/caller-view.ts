// What a caller is shown of the vault, from who it is and what it asks for; and the one credential it means.
// Whoever may not read snapshots sees no secret, whichever route it came by.

import { BROKER_MODE_HEADER, LEASE_ONLY_MODE } from "#wire";
import { allows } from "../access/permissions.ts";
import { type Disclosure, type View, viewOf } from "../snapshot/view.ts";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import { unknownCredential } from "./refusal.ts";
import type { Call } from "./route.ts";

const ID = /^[1-9]\d{0,14}$/;

/** The caller's view: its scope, and keys for good unless it or its token wants them leased. */
export function viewOfCall({ caller, request }: Pick<Call, "caller" | "request">): View {
  return viewOf(caller.scope, disclosureTo(caller, request));
}

function disclosureTo(caller: Call["caller"], request: Request): Disclosure {
  if (!allows(caller.permissions, "snapshot")) return "none";
  const asksForLeases = request.headers.get(BROKER_MODE_HEADER) === LEASE_ONLY_MODE;
  return caller.isLeaseOnly || asksForLeases ? "leased" : "whole";
}

/** The credential that the path names. Throws the same Refusal for one that is not there and one out of scope. */
export function credentialOfCall(vault: Vault, { id, caller }: Call): StoredCredential {
  const stored = ID.test(id) ? vault.get(Number(id)) : undefined;
  if (stored === undefined || !caller.scope.sees(stored.provider)) throw unknownCredential();
  return stored;
}

/** How the audit log names one credential. */
export function targetOf({ provider, id }: { provider: string; id: number }): string {
  return `${provider} ${id}`;
}
