// What the broker tells its clients about the vault: refresh tokens replaced by a mark, and relative
// times computed on the way out, so that the passing of time alone is never a change.

import type { CredentialEntry, CredentialSnapshot, RefresherSchedule, SnapshotEntry } from "#wire";
import type { StoredCredential, VaultContent } from "../vault/vault.ts";
import { type Disclosure, disclosed } from "./view.ts";

/** The moment that relative times count from, and for whose eyes. */
export interface Telling {
  readonly nowMs: number;
  readonly refresher: RefresherSchedule;
  readonly disclosure: Disclosure;
}

/** The whole snapshot at one moment. */
export function snapshotOf(content: VaultContent, telling: Telling): CredentialSnapshot {
  const { nowMs, refresher } = telling;
  return {
    generation: content.generation,
    generatedAt: nowMs,
    serverNowMs: nowMs,
    refresher,
    credentials: content.credentials.map((stored) => snapshotEntryOf(stored, telling)),
  };
}

/** One credential of the snapshot at one moment. */
export function snapshotEntryOf(stored: StoredCredential, telling: Telling): SnapshotEntry {
  const { refresher, nowMs, disclosure } = telling;
  const blocks = stored.blocks.filter(({ blockedUntilMs }) => blockedUntilMs > nowMs);
  return {
    ...entryOf(stored, disclosure),
    rotatesInMs: rotatesInMs(stored, refresher, nowMs),
    ...(blocks.length > 0 && { blocks }),
  };
}

/** One stored credential, redacted. */
export function entryOf(stored: StoredCredential, disclosure: Disclosure): CredentialEntry {
  const { id, provider, credential, identityKey } = stored;
  return { id, provider, credential: disclosed(credential, disclosure), identityKey };
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
