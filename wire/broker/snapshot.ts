// The answers of a broker: health, the redacted snapshot, the rows after an upload.
// The shapes are those of a deployed client population that refuses unknown keys, so nothing may be added.

import { z } from "zod";
import { Credential, ProviderId } from "./credential.ts";

/** Answer of `GET /v1/healthz`. */
export const BrokerHealth = z.strictObject({
  ok: z.literal(true),
  version: z.string().optional(),
});
/** Answer of `GET /v1/healthz`. */
export type BrokerHealth = z.infer<typeof BrokerHealth>;

/** When the broker next looks for grants that are about to expire; durations in ms. */
export const RefresherSchedule = z.strictObject({
  enabled: z.boolean(),
  intervalMs: z.number(),
  skewMs: z.number(),
  nextSweepInMs: z.number(),
});
/** When the broker next looks for grants that are about to expire. */
export type RefresherSchedule = z.infer<typeof RefresherSchedule>;

// Not written by this broker yet; read leniently so that a peer that sends it is still understood.
const CredentialBlock = z.looseObject({});

const uploadedEntry = {
  id: z.int().positive(),
  provider: ProviderId,
  credential: Credential,
  identityKey: z.string().nullable(),
};

/** One stored credential, redacted, as the answer to an upload lists it. */
export const CredentialEntry = z.strictObject(uploadedEntry);
/** One stored credential, redacted. */
export type CredentialEntry = z.infer<typeof CredentialEntry>;

/** One credential of a snapshot; `rotatesInMs` counts from the snapshot's `serverNowMs`. */
export const SnapshotEntry = z.strictObject({
  ...uploadedEntry,
  rotatesInMs: z.number().nullable(),
  blocks: z.array(CredentialBlock).optional(),
});
/** One credential of a snapshot. */
export type SnapshotEntry = z.infer<typeof SnapshotEntry>;

/** Answer of `GET /v1/snapshot`; times in ms since the epoch, `generation` grows with every change. */
export const CredentialSnapshot = z.strictObject({
  generation: z.int().nonnegative(),
  generatedAt: z.number(),
  serverNowMs: z.number(),
  refresher: RefresherSchedule,
  credentials: z.array(SnapshotEntry),
});
/** Answer of `GET /v1/snapshot`. */
export type CredentialSnapshot = z.infer<typeof CredentialSnapshot>;

/** Answer of `POST /v1/credential`: every active row of the provider. */
export const CredentialUploaded = z.strictObject({ entries: z.array(CredentialEntry) });
/** Answer of `POST /v1/credential`. */
export type CredentialUploaded = z.infer<typeof CredentialUploaded>;
