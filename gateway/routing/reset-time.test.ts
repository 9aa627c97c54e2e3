// Every way in which providers say when to come back.

import { expect, test } from "bun:test";
import { readWaitMs, statedWaitMs } from "./reset-time.ts";

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);

test.each([
  ["7", 7_000],
  ["0.5", 500],
  ["6m0s", 360_000],
  ["1h2m3s", 3_723_000],
  ["250ms", 250],
  ["Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
  ["2026-11-21T12:01:00Z", 60_000],
  [String(NOW / 1_000 + 90), 90_000],
  [String(NOW + 1_500), 1_500],
])("%s is a wait", (text, ms) => {
  expect(readWaitMs(text, NOW)).toBe(ms);
});

test.each(["", "soon", "-5", "0", "NaN", "1e9", "Sat, 21 Nov 2026 11:59:30 GMT", "9".repeat(80)])(
  "%p says nothing",
  (text) => {
    expect(readWaitMs(text, NOW)).toBeUndefined();
  },
);

test("the most exact header wins, and of used-up limits the last to reset", () => {
  expect(statedWaitMs({ "retry-after-ms": "300", "retry-after": "1" }, NOW)).toBe(300);
  expect(statedWaitMs({ "retry-after": "2", "x-ratelimit-reset": "9" }, NOW)).toBe(2_000);
  const limits = {
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "6m0s",
    "anthropic-ratelimit-tokens-remaining": "10",
    "anthropic-ratelimit-tokens-reset": "2026-11-21T23:00:00Z",
  };
  expect(statedWaitMs(limits, NOW)).toBe(360_000);
  const unified = { "anthropic-ratelimit-unified-reset": String(NOW / 1_000 + 5) };
  expect(statedWaitMs(unified, NOW)).toBe(5_000);
  expect(statedWaitMs({}, NOW)).toBeUndefined();
});
