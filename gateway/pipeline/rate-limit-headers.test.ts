// Limits under the names of either vendor, times in its notation.

import { expect, test } from "bun:test";
import { readWaitMs } from "../routing/reset-time.ts";
import { rateLimitsFor } from "./rate-limit-headers.ts";

const NOW_MS = Date.parse("2026-11-20T10:00:00Z");

test("OpenAI's become Anthropic's, with dates", () => {
  const headers = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "6m0s",
    "retry-after": "2",
  };
  const renamed = {
    "anthropic-ratelimit-requests-limit": "500",
    "anthropic-ratelimit-requests-remaining": "499",
    "anthropic-ratelimit-requests-reset": "2026-11-20T10:00:01Z",
    "anthropic-ratelimit-tokens-reset": "2026-11-20T10:06:00Z",
    "retry-after": "2",
  };
  expect(rateLimitsFor("messages", headers, NOW_MS)).toEqual(renamed);
});

test.each(["chat", "responses", "native"] as const)(
  "Anthropic's become OpenAI's for %s, with durations; what only Anthropic has stays",
  (format) => {
    const headers = {
      "anthropic-ratelimit-tokens-remaining": "0",
      "anthropic-ratelimit-tokens-reset": "2026-11-20T11:00:05Z",
      "anthropic-ratelimit-requests-reset": "2026-11-20T10:00:12Z",
      "anthropic-ratelimit-input-tokens-remaining": "7",
      "anthropic-ratelimit-unified-status": "allowed",
    };
    expect(rateLimitsFor(format, headers, NOW_MS)).toEqual({
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-tokens": "1h0m5s",
      "x-ratelimit-reset-requests": "12s",
      "anthropic-ratelimit-input-tokens-remaining": "7",
      "anthropic-ratelimit-unified-status": "allowed",
    });
  },
);

test("a caller's own names are left alone", () => {
  const own = { "x-ratelimit-reset-tokens": "soon", "x-request-id": "r" };
  expect(rateLimitsFor("chat", own, NOW_MS)).toBe(own);
  const theirs = { "anthropic-ratelimit-tokens-reset": "2026-11-20T10:00:12Z" };
  expect(rateLimitsFor("messages", theirs, NOW_MS)).toBe(theirs);
});

test("a reset that is no time, or over, is left out", () => {
  for (const reset of ["soon", "0s", "2020-01-01T00:00:00Z"]) {
    const headers = { "x-ratelimit-reset-tokens": reset };
    expect(rateLimitsFor("messages", headers, NOW_MS)).toEqual({});
  }
});

test.each([1, 999, 1_000, 59_000, 60_000, 3_600_000, 90_061_000])(
  "%d ms there and back is no earlier, and less than a second later",
  (ms) => {
    const headers = { "x-ratelimit-reset-tokens": `${ms}ms` };
    const there = rateLimitsFor("messages", headers, NOW_MS);
    const back = rateLimitsFor("chat", there, NOW_MS)["x-ratelimit-reset-tokens"];
    const wait = readWaitMs(back, NOW_MS) ?? 0;
    expect(wait).toBeGreaterThanOrEqual(ms);
    expect(wait).toBeLessThan(ms + 1_000);
  },
);
