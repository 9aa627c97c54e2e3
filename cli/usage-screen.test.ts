// What a person sees: aligned, narrow enough, and never a number that nobody gave.

import { describe, expect, test } from "bun:test";
import type { UsageLimit, UsageReport } from "#wire";
import { double, integer, oneof, option, property, assert, record, string } from "fast-check";
import { SCREEN_COLUMNS, usageScreen } from "./usage-screen.ts";

const NOW_MS = Date.UTC(2026, 10, 20, 12);
const MINUTE_MS = 60_000;

function limit(label: string, more: Partial<UsageLimit> = {}): UsageLimit {
  return { id: label, label, scope: { provider: "p" }, amount: { unit: "percent" }, ...more };
}

function used(label: string, usedFraction: number, resetsInMs?: number): UsageLimit {
  const status = usedFraction >= 1 ? "exhausted" : usedFraction >= 0.8 ? "warning" : "ok";
  const window = resetsInMs === undefined ? undefined : endsIn(resetsInMs);
  return limit(label, { amount: { usedFraction, unit: "percent" }, status, window });
}

function endsIn(ms: number) {
  return { id: "w", label: "w", resetsAt: NOW_MS + ms };
}

function report(
  provider: string,
  email: string,
  limits: UsageLimit[],
  more: Partial<UsageReport> = {},
): UsageReport {
  return { provider, fetchedAt: NOW_MS, limits, metadata: { email }, ...more };
}

const plain = (reports: UsageReport[]) =>
  usageScreen(reports, { nowMs: NOW_MS, isColorful: false });

test("a screen of several accounts", () => {
  const long = "a.very.long.address.of.somebody@mail.department.of.a.large.company.example";
  const reports = [
    report("anthropic", long, [
      used("5 hours", 0.42, 133 * MINUTE_MS),
      used("7 days", 0.996, (3 * 24 * 60 + 4 * 60) * MINUTE_MS),
      used("7 days, Claude Opus 4.5", 1, 59_000),
    ]),
    report("anthropic", "b@example.test", [used("5 hours", 0), used("7 days", 0.001)], {
      fetchedAt: NOW_MS - 72 * MINUTE_MS,
      metadata: { email: "b@example.test", plan: "max", lastError: "usage_rate_limited" },
    }),
    report("github-copilot", "octocat", [
      limit("Premium requests", {
        amount: { used: 225, limit: 300, usedFraction: 0.75, unit: "requests" },
        status: "ok",
        window: endsIn(11 * 24 * 60 * MINUTE_MS),
      }),
      limit("Chat", { amount: { unit: "requests" }, status: "ok", notes: ["unlimited"] }),
    ]),
    report("openrouter", "", [limit("Credits", { amount: { used: 12.5, unit: "usd" } })], {
      metadata: { credentialId: 123_456, type: "api_key" },
    }),
    report("xai", "c@example.test", [], {
      metadata: { email: "c@example.test", lastError: "usage_refused" },
    }),
  ];
  expect(plain(reports)).toBe(`anthropic
  a.very.long.address.of.somebody@mail.department.of.a.large.company.example
    5 hours             ██████▊░░░░░░░░░   42 %  resets in 2h 13m
    7 days              ███████████████▉   99 %  resets in 3d 4h
    7 days, Claude Op…  ████████████████  100 %  resets in <1m
  b@example.test  plan max, 1h 12m old: asked too often
    5 hours             ░░░░░░░░░░░░░░░░    0 %
    7 days              ▏░░░░░░░░░░░░░░░   <1 %

github-copilot
  octocat
    Premium requests    ████████████░░░░   75 %  225 of 300, resets in 11d
    Chat                unlimited

openrouter
  API key 123456
    Credits             –                     –  $12.50 used

xai
  c@example.test  the provider refused to say
    – not known
`);
});

describe("a bar", () => {
  const barOf = (fraction: number) => plain([report("p", "e", [used("l", fraction)])]);

  test("is full only when all is used, and empty only when nothing is", () => {
    expect(barOf(0.9999)).toContain("▉   99 %");
    expect(barOf(1)).toContain(`${"█".repeat(16)}  100 %`);
    expect(barOf(1e-9)).toContain("▏");
    expect(barOf(0)).not.toContain("▏");
  });

  test("has the colour of its state on a terminal, and none without", () => {
    const states = [used("a", 0.1), used("b", 0.85), used("c", 1)];
    const colorful = usageScreen([report("p", "e", states)], { nowMs: NOW_MS, isColorful: true });
    for (const code of [32, 33, 31]) expect(colorful).toContain(`\u001b[${code}m█`);
    expect(Bun.stripANSI(colorful)).toBe(plain([report("p", "e", states)]));
    expect(plain([report("p", "e", states)])).not.toContain("\u001b");
  });
});

test("a time that does not fit beside an amount is kept whole, not the amount", () => {
  const amount = { used: 1234.56, limit: 5000, usedFraction: 0.25, unit: "usd" as const };
  const text = plain([report("p", "e", [limit("l", { amount, window: endsIn(200 * 3_600_000) })])]);
  expect(text).toContain("25 %  resets in 8d 8h\n");
});

test("the age of a report is told only when it is older than reports are", () => {
  const at = (ageMs: number) => plain([report("p", "e", [], { fetchedAt: NOW_MS - ageMs })]);
  expect(at(6 * MINUTE_MS)).not.toContain("old");
  const limits = [used("l", 0.5)];
  const old = report("p", "e", limits, { fetchedAt: NOW_MS - 12 * MINUTE_MS });
  expect(plain([old])).toContain("e  12m old\n");
});

test("whatever a report holds, no line is wider than the screen, and none steers a terminal", () => {
  const text = oneof(string({ maxLength: 90 }), string({ unit: "grapheme", maxLength: 90 }));
  const number = option(oneof(double({ noNaN: true }), integer()), { nil: undefined });
  const anything = record({
    provider: text,
    email: text,
    plan: text,
    label: text,
    usedFraction: number,
    used: number,
    limit: number,
    resetsAt: number,
    fetchedAt: double({ noNaN: true }),
  });
  assert(
    property(anything, (given) => {
      const { usedFraction, used: usedCount, limit: most, resetsAt, label } = given;
      const screen = plain([
        {
          provider: given.provider,
          fetchedAt: given.fetchedAt,
          metadata: { email: given.email, plan: given.plan, lastError: "usage_unavailable" },
          limits: [
            limit(label, {
              amount: { usedFraction, used: usedCount, limit: most, unit: "requests" },
              window: { id: "w", label: "w", resetsAt },
            }),
          ],
        },
      ]);
      for (const line of screen.trimEnd().split("\n")) {
        expect(Bun.stringWidth(line)).toBeLessThanOrEqual(SCREEN_COLUMNS);
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
        expect(line).not.toContain("NaN");
      }
    }),
    { numRuns: 500 },
  );
});
