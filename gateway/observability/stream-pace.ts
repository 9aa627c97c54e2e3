// How evenly streams flow: the gaps between the pieces that callers get, of one stream in PACED_STREAMS. Refuses to
// look at all of them: a clock that is read twice per delta would cost more than many deltas do.

import type { Metrics } from "#platform";
import type { SpokenFormatId } from "#wire";

/** One stream in so many is watched; the first is. */
export const PACED_STREAMS = 16;
/** Upper bounds of the gaps, in seconds. */
export const GAP_BUCKETS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** Asked for each stream: what to call for each piece of it; undefined for a stream that is not watched. */
export type WatchPace = (format: SpokenFormatId) => (() => void) | undefined;

/** Watches a sample of streams. */
export function watchPaces(metrics: Metrics, { nowMs = () => performance.now() } = {}): WatchPace {
  const gaps = metrics.histogram({
    name: "gateway_stream_gap_seconds",
    help: `Between two pieces of a stream, of one stream in ${PACED_STREAMS}.`,
    labels: ["format"],
    buckets: GAP_BUCKETS,
  });
  let streams = -1;
  return (format) => {
    streams += 1;
    if (streams % PACED_STREAMS !== 0) return undefined;
    let lastMs: number | undefined;
    return () => {
      const atMs = nowMs();
      if (lastMs !== undefined) gaps.observe({ format }, (atMs - lastMs) / 1_000);
      lastMs = atMs;
    };
  };
}
