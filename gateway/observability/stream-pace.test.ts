// Which streams are watched, and that the gaps are those between their pieces.

import { expect, test } from "bun:test";
import { Metrics } from "#platform";
import { PACED_STREAMS, watchPaces } from "./stream-pace.ts";

test("of so many streams one is watched, and its gaps are counted", async () => {
  const metrics = new Metrics();
  let atMs = 0;
  const watch = watchPaces(metrics, { nowMs: () => atMs });
  const pieces = Array.from({ length: PACED_STREAMS + 1 }, () => watch("chat"));
  expect(pieces.map((onPiece) => onPiece !== undefined)).toEqual([
    true,
    ...Array.from({ length: PACED_STREAMS - 1 }, () => false),
    true,
  ]);
  for (const gapMs of [0, 10, 100]) {
    atMs += gapMs;
    pieces[0]?.();
  }
  const text = await metrics.text();
  expect(text).toContain('gateway_stream_gap_seconds_count{format="chat"} 2');
  expect(text).toContain('gateway_stream_gap_seconds_bucket{le="0.02",format="chat"} 1');
});
