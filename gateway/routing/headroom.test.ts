// What is left of an account, as far as anybody said.

import { expect, test } from "bun:test";
import { Headroom, HEADROOM_TTL_MS, REPORTS_PAUSE_MS } from "./headroom.ts";

const NOW = Date.UTC(2026, 10, 21, 12);

function after(headers: Record<string, string>): number | undefined {
  const headroom = new Headroom();
  headroom.record(1, new Headers(headers), NOW);
  return headroom.of(1, NOW);
}

test("the scarcest allowance counts, in each vendor's words", () => {
  expect(
    after({
      "anthropic-ratelimit-requests-limit": "50",
      "anthropic-ratelimit-requests-remaining": "40",
      "anthropic-ratelimit-input-tokens-limit": "1000",
      "anthropic-ratelimit-input-tokens-remaining": "100",
    }),
  ).toBe(0.1);
  expect(after({ "x-ratelimit-limit-tokens": "200", "x-ratelimit-remaining-tokens": "50" })).toBe(
    0.25,
  );
  expect(after({ "anthropic-ratelimit-unified-5h-utilization": "0.75" })).toBe(0.25);
  expect(after({ "x-codex-primary-used-percent": "60" })).toBeCloseTo(0.4);
});

test("what cannot be read is unknown, and nothing is below zero", () => {
  expect(after({})).toBeUndefined();
  expect(after({ "x-ratelimit-limit-tokens": "0", "x-ratelimit-remaining-tokens": "0" })).toBe(
    undefined,
  );
  expect(after({ "x-codex-primary-used-percent": "130" })).toBe(0);
});

test("a statement ends with its window", () => {
  const headroom = new Headroom();
  const headers = new Headers({
    "x-ratelimit-limit-tokens": "10",
    "x-ratelimit-remaining-tokens": "1",
    "x-ratelimit-reset-tokens": "30s",
  });
  headroom.record(1, headers, NOW);
  expect(headroom.of(1, NOW + 29_000)).toBe(0.1);
  expect(headroom.of(1, NOW + 30_000)).toBeUndefined();
});

test("reports are asked for aside, rarely, and read by credential", async () => {
  let asked = 0;
  const limit = { id: "w", label: "w", scope: { provider: "p" } };
  const headroom = new Headroom({
    askUsage: async () => {
      asked += 1;
      const limits = [
        { ...limit, amount: { usedFraction: 0.8, unit: "percent" as const } },
        { ...limit, amount: { unit: "percent" as const } },
      ];
      return {
        generatedAt: NOW,
        reports: [{ provider: "p", fetchedAt: NOW, limits, metadata: { credentialId: 4 } }],
      };
    },
  });
  expect(headroom.of(4, NOW)).toBeUndefined();
  await Bun.sleep(0);
  expect(headroom.of(4, NOW + 1)).toBeCloseTo(0.2);
  expect(headroom.of(5, NOW + 1)).toBeUndefined();
  expect(asked).toBe(1);
  expect(headroom.of(4, NOW + HEADROOM_TTL_MS)).toBeUndefined();
  expect(HEADROOM_TTL_MS).toBeGreaterThan(REPORTS_PAUSE_MS);
  expect(asked).toBe(2);
});
