// Keys for minutes instead of for good: a client that says so gets no API key in its snapshot and asks
// for each one it needs. Ours alone; a client that does not say so sees the deployed protocol.

import { z } from "zod";
import { CredentialEntry } from "./snapshot.ts";

/** The request header by which a client of the snapshot or its stream says what it wants to be given. */
export const BROKER_MODE_HEADER = "parley-broker-mode";
/** Its value for a client that may hold keys for a while only. */
export const LEASE_ONLY_MODE = "lease";
/** What stands in the place of every API key in the snapshot of a lease-only client. */
export const LEASED_KEY = "__leased__";

/** Answer of `POST /v1/credential/:id/lease`; the key counts until `leasedUntilMs` of the broker's clock. */
export const CredentialLeased = z.object({
  lease: CredentialEntry.omit({ identityKey: true }).extend({ leasedUntilMs: z.number() }),
});
/** Answer of `POST /v1/credential/:id/lease`. */
export type CredentialLeased = z.infer<typeof CredentialLeased>;
