// Keeps a consumer up to date with a broker by long-poll, for as long as its signal lives.
// Refuses to hammer: failures, and answers that come back unasked, are followed by a growing pause.

import type { CredentialSnapshot } from "#wire";
import { pauseMs, type Sleep, sleepUnlessAborted } from "./back-off.ts";
import type { BrokerClient } from "./broker-client.ts";

/** How long the broker is asked to hold a request that has no news, in ms. */
export const LONG_POLL_MS = 30_000;

/** What following needs beside its client; clock and dice are injected by tests. */
export interface FollowOptions {
  /** Where to continue from; without it, the first answer is the whole snapshot. */
  readonly generation?: number;
  readonly onError?: (error: unknown) => void;
  /** The broker has answered, with news or without. */
  readonly onContact?: () => void;
  readonly sleep?: Sleep;
  readonly random?: () => number;
}

/** Calls back with each new snapshot until `signal` aborts; then resolves. Never rejects. */
export async function follow(
  client: Pick<BrokerClient, "fetchSnapshot">,
  onSnapshot: (snapshot: CredentialSnapshot) => void,
  signal: AbortSignal,
  options: FollowOptions = {},
): Promise<void> {
  const { generation, onError = () => {}, onContact = () => {} } = options;
  const { sleep = sleepUnlessAborted, random = Math.random } = options;
  let seen = generation;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const snapshot = await client.fetchSnapshot(snapshotRequest(seen, signal));
      onContact();
      // The same generation at once means a broker that does not hold requests.
      const isNews = snapshot !== undefined && snapshot.generation !== seen;
      failures = snapshot === undefined || isNews ? 0 : failures + 1;
      if (isNews) {
        seen = snapshot.generation;
        onSnapshot(snapshot);
      }
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      onError(error);
    }
    if (failures > 0) await sleep(pauseMs(failures, random), signal);
  }
}

function snapshotRequest(seen: number | undefined, signal: AbortSignal) {
  return seen === undefined ? { signal } : { generation: seen, waitMs: LONG_POLL_MS, signal };
}
