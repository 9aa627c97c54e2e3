// What the broker tells its clients about the vault: refresh tokens replaced by a mark, and relative
// times computed on the way out, so that the passing of time alone is never a change.

import {
  type CredentialEntry,
  type CredentialSnapshot,
  type RefresherSchedule,
  type SnapshotEntry,
  redactCredential,
} from "#wire";
import { NO_REFRESHER } from "../refresh/schedule.ts";
import type { StoredCredential, VaultContent } from "../vault/vault.ts";

/** The whole snapshot at one moment. */
export function snapshotOf(
  content: VaultContent,
  { nowMs, refresher = NO_REFRESHER }: { nowMs: number; refresher?: RefresherSchedule },
): CredentialSnapshot {
  return {
    generation: content.generation,
    generatedAt: nowMs,
    serverNowMs: nowMs,
    refresher,
    credentials: content.credentials.map((stored): SnapshotEntry => ({
      ...entryOf(stored),
      rotatesInMs: rotatesInMs(stored, refresher, nowMs),
    })),
  };
}

/** One stored credential, redacted. */
export function entryOf({
  id,
  provider,
  credential,
  identityKey,
}: StoredCredential): CredentialEntry {
  return { id, provider, credential: redactCredential(credential), identityKey };
}

// Null means "will not change by itself": an API key, or a grant that nobody here refreshes.
function rotatesInMs(
  { credential }: StoredCredential,
  { enabled, skewMs }: RefresherSchedule,
  nowMs: number,
): number | null {
  if (!enabled || credential.type !== "oauth") return null;
  return Math.max(0, credential.expires - skewMs - nowMs);
}
