// Limits in headers, as providers document them and as they should not be.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { builtInProviders } from "../oauth/providers/index.ts";
import { asOf } from "./measured-limit.ts";
import { readUsageHeaders } from "./usage-headers.ts";

const NOW_MS = Date.UTC(2026, 10, 20, 12);

function read(provider: string, headers: Readonly<Record<string, string>>) {
  const rules = builtInProviders().find(({ id }) => id === provider)?.usageHeaders ?? [];
  return readUsageHeaders(headers, rules, { account: { provider }, nowMs: NOW_MS });
}

function seen(provider: string, headers: Readonly<Record<string, string>>) {
  return read(provider, headers).map(({ limit }) => [
    limit.id,
    limit.amount.usedFraction,
    limit.status,
    limit.window?.resetsAt,
  ]);
}

test("anthropic's shared windows come as fractions and epoch seconds", () => {
  const resetS = NOW_MS / 1000 + 3600;
  const headers = {
    "anthropic-ratelimit-unified-5h-utilization": "0.31",
    "anthropic-ratelimit-unified-5h-reset": `${resetS}`,
    "anthropic-ratelimit-unified-7d-utilization": "1.02",
    "anthropic-ratelimit-unified-7d_oi-utilization": "0.85",
    "anthropic-ratelimit-unified-status": "allowed",
  };
  expect(seen("anthropic", headers)).toEqual([
    ["5h", 0.31, "ok", NOW_MS + 3_600_000],
    ["7d", 1, "exhausted", undefined],
    ["7d_oi", 0.85, "warning", undefined],
  ]);
});

test("anthropic's limits of API keys come as counts and dates", () => {
  const headers = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:30Z",
  };
  expect(seen("anthropic", headers)).toEqual([["requests", 0.02, "ok", NOW_MS + 30_000]]);
});

test("codex tells the window's length in minutes", () => {
  const [primary] = read("openai-codex", {
    "x-codex-primary-used-percent": "12.5",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": `${NOW_MS / 1000 + 60}`,
  });
  expect(primary?.limit).toMatchObject({
    amount: { usedFraction: 0.125, unit: "percent" },
    window: { id: "5h", label: "5 hours", durationMs: 18_000_000, resetsAt: NOW_MS + 60_000 },
  });
});

test.each([
  ["6m0s", 360_000],
  ["1h2m3.5s", 3_723_500],
  ["120ms", 120],
  ["2d", 172_800_000],
  ["30", 30_000],
])("a reset in %s is %i ms ahead", (text, aheadMs) => {
  const [limit] = read("openai", {
    "x-ratelimit-limit-requests": "10",
    "x-ratelimit-reset-requests": text,
  });
  expect(limit?.limit.window?.resetsAt).toBe(NOW_MS + aheadMs);
});

test("what is left of a window that has been reset since is not known", () => {
  const [measured] = read("openai", {
    "x-ratelimit-limit-requests": "10",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "60s",
  });
  if (measured === undefined) throw new Error("nothing was read");
  expect(asOf(measured, NOW_MS + 59_999)).toBe(measured.limit);
  expect(asOf(measured, NOW_MS + 60_000)).toMatchObject({
    amount: { limit: 10, unit: "requests" },
    status: "unknown",
  });
  expect(asOf(measured, NOW_MS + 60_000).amount.usedFraction).toBeUndefined();
});

test("a date in the past that the provider itself gave does not undo its numbers", () => {
  const [measured] = read("anthropic", {
    "anthropic-ratelimit-unified-5h-utilization": "0.5",
    "anthropic-ratelimit-unified-5h-reset": `${NOW_MS / 1000 - 60}`,
  });
  if (measured === undefined) throw new Error("nothing was read");
  expect(asOf(measured, NOW_MS + 1)).toBe(measured.limit);
});

test("headers nobody described, and values that are none, tell nothing", () => {
  expect(read("anthropic", { "x-other": "1", "retry-after": "3" })).toEqual([]);
  expect(read("openai", { "x-ratelimit-remaining-requests": "lots" })).toEqual([]);
  expect(read("openai", JSON.parse('{"__proto__":"1"}'))).toEqual([]);
});

test("whatever the values are, shares stay within 0 and 1", () => {
  const providers = builtInProviders().filter(({ usageHeaders }) => usageHeaders.length > 0);
  const names = providers.flatMap(({ usageHeaders }) =>
    usageHeaders.flatMap((rule) =>
      Object.values(rule)
        .filter((value) => typeof value === "string")
        .filter((value) => value.includes("-")),
    ),
  );
  const text = fc.oneof(
    fc.string(),
    fc.double().map(String),
    fc.integer().map((number) => `${number}s`),
    fc.constantFrom("-1", "1e999", "999999999999999", "9".repeat(400), "9999999999d"),
  );
  const headers = fc.dictionary(fc.constantFrom(...names), text);
  fc.assert(
    fc.property(fc.constantFrom(...providers), headers, ({ id }, given) => {
      for (const { limit } of read(id, given)) {
        const { usedFraction = 0, remainingFraction = 0 } = limit.amount;
        expect(usedFraction >= 0 && usedFraction <= 1).toBe(true);
        expect(remainingFraction >= 0 && remainingFraction <= 1).toBe(true);
        expect(Number.isFinite(limit.window?.resetsAt ?? 0)).toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});
