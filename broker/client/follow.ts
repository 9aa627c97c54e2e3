// Keeps a consumer up to date with a broker by long-poll, for as long as its signal lives.
// Refuses to hammer: failures, and answers that come back unasked, are followed by a growing pause.

import type { CredentialSnapshot } from "#wire";
import type { BrokerClient } from "./broker-client.ts";

/** How long the broker is asked to hold a request that has no news, in ms. */
export const LONG_POLL_MS = 30_000;
/** First pause after a failure, in ms; each further one doubles it. */
export const FIRST_PAUSE_MS = 500;
/** Longest pause after a failure, in ms. */
export const MAX_PAUSE_MS = 30_000;

/** What following needs beside its client; clock and dice are injected by tests. */
export interface FollowOptions {
  /** Where to continue from; without it, the first answer is the whole snapshot. */
  readonly generation?: number;
  readonly onError?: (error: unknown) => void;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random?: () => number;
}

/** Calls back with each new snapshot until `signal` aborts; then resolves. Never rejects. */
export async function follow(
  client: Pick<BrokerClient, "fetchSnapshot">,
  onSnapshot: (snapshot: CredentialSnapshot) => void,
  signal: AbortSignal,
  { generation, onError = () => {}, sleep = pause, random = Math.random }: FollowOptions = {},
): Promise<void> {
  let seen = generation;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const snapshot = await client.fetchSnapshot(snapshotRequest(seen, signal));
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

// Jitter of ±25 %: a thousand clients must not return in the same millisecond.
function pauseMs(failures: number, random: () => number): number {
  const ms = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 16));
  return Math.round(ms * (0.75 + random() / 2));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", done);
    resolve();
  };
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", done, { once: true });
  return promise;
}
