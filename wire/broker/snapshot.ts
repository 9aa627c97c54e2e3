// What a broker tells of its credentials: the redacted snapshot, and single rows after a change.
// Written exactly so, because deployed clients refuse any key beyond these; read with room for a newer
// peer's additions, which are dropped.

import { z } from "zod";
import { CredentialBlock } from "./block.ts";
import {
  ApiKeyCredential,
  OAuthCredential,
  ProviderId,
  redactCredential,
  withoutInheritedKeys,
} from "./credential.ts";

/** When the broker next looks for grants that are about to expire; durations in ms. */
export const RefresherSchedule = z.object({
  enabled: z.boolean(),
  intervalMs: z.number(),
  skewMs: z.number(),
  nextSweepInMs: z.number(),
});
/** When the broker next looks for grants that are about to expire. */
export type RefresherSchedule = z.infer<typeof RefresherSchedule>;

// Whatever a peer sends, what is read here holds no refresh token.
const RedactedCredential = withoutInheritedKeys
  .pipe(z.discriminatedUnion("type", [ApiKeyCredential.strip(), OAuthCredential]))
  .transform(redactCredential);

const storedEntry = {
  id: z.int().positive(),
  provider: ProviderId,
  credential: RedactedCredential,
  identityKey: z.string().nullable(),
};

/** One stored credential, redacted, as the answers to an upload and to a refresh show it. */
export const CredentialEntry = z.object(storedEntry);
/** One stored credential, redacted. */
export type CredentialEntry = z.infer<typeof CredentialEntry>;

/** One credential of a snapshot; `rotatesInMs` counts from the snapshot's `serverNowMs`. */
export const SnapshotEntry = z.object({
  ...storedEntry,
  rotatesInMs: z.number().nullable(),
  blocks: z.array(CredentialBlock.strip()).optional(),
});
/** One credential of a snapshot. */
export type SnapshotEntry = z.infer<typeof SnapshotEntry>;

/** Answer of `GET /v1/snapshot`; times in ms since the epoch, `generation` grows with every change. */
export const CredentialSnapshot = z.object({
  generation: z.int().nonnegative(),
  generatedAt: z.number(),
  serverNowMs: z.number(),
  refresher: RefresherSchedule,
  credentials: z.array(SnapshotEntry),
});
/** Answer of `GET /v1/snapshot`. */
export type CredentialSnapshot = z.infer<typeof CredentialSnapshot>;

/** Answer of `POST /v1/credential`: every active row of the provider. */
export const CredentialUploaded = z.object({ entries: z.array(CredentialEntry) });
/** Answer of `POST /v1/credential`. */
export type CredentialUploaded = z.infer<typeof CredentialUploaded>;

/** Answer of `POST /v1/credential/:id/refresh`: the row with its new access token. */
export const CredentialRefreshed = z.object({ entry: CredentialEntry });
/** Answer of `POST /v1/credential/:id/refresh`. */
export type CredentialRefreshed = z.infer<typeof CredentialRefreshed>;
