// How long a client leaves its broker alone after a failure, and how it waits.

import { retryDelayMs } from "#platform";

/** First pause after a failure, in ms; each further one doubles it. */
export const FIRST_PAUSE_MS = 500;
/** Longest pause after a failure, in ms. */
export const MAX_PAUSE_MS = 30_000;

/** Waits; resolves early when the signal aborts. Never rejects. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** The pause after so many failures in a row, in whole ms; `random` gives 0 to 1. */
export function pauseMs(failures: number, random: () => number): number {
  return retryDelayMs(failures, { firstMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS, random });
}

/** Waits by the real clock. */
export function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
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
