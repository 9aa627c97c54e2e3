// The shapes that providers are documented to answer with, and what a report makes of them; then anything at all.

import { describe, expect, test } from "bun:test";
import { isJsonObject, UsageLimit } from "#wire";
import * as fc from "fast-check";
import { ProviderDescriptor } from "../oauth/descriptor.ts";
import { builtInProviders } from "../oauth/providers/index.ts";
import { MAX_LIMITS, readUsageAnswer } from "./usage-report.ts";

const NOW_MS = Date.UTC(2026, 10, 20, 12);
const HOUR_MS = 3_600_000;

function probeOf(id: string): NonNullable<ProviderDescriptor["usage"]> {
  const usage = builtInProviders().find((provider) => provider.id === id)?.usage;
  if (usage === undefined) throw new Error(`${id} has no probe`);
  return usage;
}

function read(provider: string, answer: unknown) {
  return readUsageAnswer(answer, probeOf(provider), { account: { provider }, nowMs: NOW_MS });
}

/** What a person would see of each limit. */
function seen(provider: string, answer: unknown) {
  return read(provider, answer).limits.map(({ limit }) => [
    limit.id,
    limit.label,
    limit.amount.usedFraction,
    limit.status,
    limit.window?.resetsAt,
  ]);
}

describe("anthropic", () => {
  const answer = {
    five_hour: { utilization: 42, resets_at: "2026-11-20T15:00:00.000000+00:00" },
    seven_day: { utilization: 90.5, resets_at: "2026-11-24T00:00:00Z" },
    seven_day_opus: null,
    seven_day_sonnet: null,
    limits: [
      { kind: "session", percent: 42, resets_at: "2026-11-20T15:00:00Z", is_active: true },
      { kind: "weekly_all", percent: 90.5, resets_at: "2026-11-24T00:00:00Z", is_active: false },
      {
        kind: "weekly_scoped",
        percent: 100,
        resets_at: "2026-11-25T00:00:00Z",
        scope: { model: { display_name: "Opus" } },
        is_active: false,
      },
    ],
    extra_usage: { is_enabled: true, monthly_limit: 5000, used_credits: 1250 },
  };

  test("reports its windows, those of single models, and what is paid beyond them", () => {
    expect(seen("anthropic", answer)).toEqual([
      ["5h", "5 hours", 0.42, "ok", Date.UTC(2026, 10, 20, 15)],
      ["7d", "7 days", 0.905, "warning", Date.UTC(2026, 10, 24)],
      ["7d:Opus", "7 days, Opus", 1, "exhausted", Date.UTC(2026, 10, 25)],
      ["extra", "Extra usage", 0.25, "ok", undefined],
    ]);
    expect(read("anthropic", answer).limits[0]).toEqual({
      measuredAtMs: NOW_MS,
      source: "probe",
      hasRelief: false,
      limit: {
        id: "5h",
        label: "5 hours",
        scope: { provider: "anthropic", windowId: "5h" },
        window: {
          id: "5h",
          label: "5 hours",
          durationMs: 5 * HOUR_MS,
          resetsAt: Date.UTC(2026, 10, 20, 15),
        },
        amount: {
          used: 42,
          limit: 100,
          remaining: 58,
          usedFraction: 0.42,
          remainingFraction: 0.58,
          unit: "percent",
        },
        status: "ok",
      },
    });
  });

  test("says nothing of extra usage that is not enabled, and knows no reset of an idle window", () => {
    const idle = {
      five_hour: { utilization: 0, resets_at: null },
      seven_day: null,
      extra_usage: { is_enabled: false, monthly_limit: null, used_credits: null },
    };
    expect(seen("anthropic", idle)).toEqual([["5h", "5 hours", 0, "ok", undefined]]);
  });
});

describe("openai-codex", () => {
  const windowOf = (percent: number, seconds: number) => ({
    used_percent: percent,
    limit_window_seconds: seconds,
    reset_after_seconds: 600,
    reset_at: NOW_MS / 1000 + 600,
  });
  const answer = (more: object = {}) => ({
    plan_type: "plus",
    rate_limit: {
      allowed: false,
      limit_reached: true,
      primary_window: windowOf(100, 18_000),
      secondary_window: windowOf(30, 604_800),
    },
    additional_rate_limits: [
      {
        limit_name: "codex_other",
        metered_feature: "codex_other",
        rate_limit: {
          allowed: true,
          limit_reached: false,
          primary_window: windowOf(5, 3600),
          secondary_window: null,
        },
      },
    ],
    credits: { has_credits: false, unlimited: false, overage_limit_reached: false, balance: "0" },
    spend_control: { reached: false },
    ...more,
  });
  const statuses = (more: object) =>
    read("openai-codex", answer(more)).limits.map(({ limit }) => limit.status);

  test("reports both windows, additional limits by name, and the plan", () => {
    expect(seen("openai-codex", answer())).toEqual([
      ["primary", "Primary window", 1, "exhausted", NOW_MS + 600_000],
      ["secondary", "Secondary window", 0.3, "warning", NOW_MS + 600_000],
      ["additional:codex_other", "codex_other", 0.05, "ok", NOW_MS + 600_000],
    ]);
    const { limits, metadata } = read("openai-codex", answer());
    expect(limits[0]?.limit.window).toMatchObject({ id: "5h", durationMs: 5 * HOUR_MS });
    expect(metadata).toEqual({ plan: "plus", credits: "0" });
  });

  test("is not exhausted while credits pay, unless they may not any more", () => {
    expect(statuses({ credits: { has_credits: true, balance: "12.5" } })[0]).toBe("warning");
    expect(statuses({ credits: { has_credits: false, unlimited: true } })[0]).toBe("warning");
    const ended = { has_credits: true, overage_limit_reached: true };
    expect(statuses({ credits: ended })[0]).toBe("exhausted");
    const capped = { credits: { has_credits: true }, spend_control: { reached: true } };
    expect(statuses(capped)[0]).toBe("exhausted");
  });

  test("takes the seconds that are left when there is no moment", () => {
    const rate_limit = { primary_window: { used_percent: 1, reset_after_seconds: 60 } };
    expect(seen("openai-codex", { rate_limit })[0]?.[4]).toBe(NOW_MS + 60_000);
  });
});

describe("github-copilot", () => {
  const quota = (entitlement: number, remaining: number, more: object = {}) => ({
    entitlement,
    remaining,
    percent_remaining: entitlement === 0 ? 100 : (remaining / entitlement) * 100,
    overage_count: 0,
    overage_permitted: false,
    unlimited: false,
    ...more,
  });

  test("reports premium requests; what is unlimited has no bar and is never at its end", () => {
    const answer = {
      copilot_plan: "individual_pro",
      quota_reset_date: "2026-12-01",
      quota_snapshots: {
        premium_interactions: quota(300, 75),
        chat: quota(0, 0, { unlimited: true }),
        completions: quota(-1, 0, { unlimited: true }),
      },
    };
    const resetsAt = Date.UTC(2026, 11, 1);
    expect(seen("github-copilot", answer)).toEqual([
      ["premium", "Premium requests", 0.75, "ok", resetsAt],
      ["chat", "Chat", undefined, "ok", resetsAt],
      ["completions", "Completions", undefined, "ok", resetsAt],
    ]);
    const { limits, metadata } = read("github-copilot", answer);
    expect(limits[0]?.limit.amount).toMatchObject({ used: 225, limit: 300, remaining: 75 });
    expect(limits[1]?.limit.notes).toEqual(["unlimited"]);
    expect(metadata).toEqual({ plan: "individual_pro" });
  });

  test("is not exhausted where overage is permitted, and remaining below zero is none", () => {
    const statusOf = (more: object) =>
      read("github-copilot", {
        quota_snapshots: { premium_interactions: quota(300, -12, more) },
      }).limits[0]?.limit;
    expect(statusOf({})).toMatchObject({ status: "exhausted", amount: { usedFraction: 1 } });
    expect(statusOf({ overage_permitted: true })).toMatchObject({ status: "warning" });
  });
});

test("kimi-code reports numbers written as text, and windows in their own units", () => {
  const answer = {
    usage: { used: "20", limit: "100", remaining: "80", resetTime: "2026-11-25T00:00:00Z" },
    limits: [
      {
        window: { duration: 300, timeUnit: "TIME_UNIT_MINUTE" },
        detail: { used: "9", limit: "10", remaining: "1", resetTime: "2026-11-20T16:00:00Z" },
      },
      { window: { duration: 1, timeUnit: "FORTNIGHT" }, detail: { limit: 4, remaining: 4 } },
    ],
  };
  expect(seen("kimi-code", answer)).toEqual([
    ["plan", "Plan", 0.2, "ok", Date.UTC(2026, 10, 25)],
    ["window:300", "5 hours", 0.9, "warning", Date.UTC(2026, 10, 20, 16)],
    ["window:1", "?", 0, "ok", undefined],
  ]);
});

test("openrouter reports dollars, and no share of a key without a limit", () => {
  const keyOf = (limit: number | null, remaining: number | null) => ({
    data: { label: "sk-or-v1-abc...123", usage: 12.5, limit, limit_remaining: remaining },
  });
  expect(read("openrouter", keyOf(50, 37.5)).limits[0]?.limit.amount).toEqual({
    used: 12.5,
    limit: 50,
    remaining: 37.5,
    usedFraction: 0.25,
    remainingFraction: 0.75,
    unit: "usd",
  });
  const [open] = read("openrouter", keyOf(null, null)).limits;
  expect(open?.limit).toMatchObject({ amount: { used: 12.5, unit: "usd" }, status: "unknown" });
  expect(open?.limit.amount.usedFraction).toBeUndefined();
});

test("google-gemini-cli reports a limit per model", () => {
  const answer = {
    buckets: [
      { modelId: "gemini-2.5-pro", remainingFraction: 0.25, resetTime: "2026-11-21T00:00:00Z" },
      { modelId: "gemini-2.5-flash", remainingFraction: 1, remainingAmount: "1000" },
      { modelId: "gemini-2.5-pro", remainingFraction: 0 },
      { tokenType: "REQUESTS" },
    ],
  };
  expect(seen("google-gemini-cli", answer)).toEqual([
    ["gemini-2.5-pro", "gemini-2.5-pro", 0.75, "ok", Date.UTC(2026, 10, 21)],
    ["gemini-2.5-flash", "gemini-2.5-flash", 0, "ok", undefined],
  ]);
});

test("a report names the account that was asked", () => {
  const account = { provider: "openrouter", accountId: "acct", orgId: "org" };
  const { limits } = readUsageAnswer({ data: { usage: 1 } }, probeOf("openrouter"), {
    account,
    nowMs: NOW_MS,
  });
  expect(limits[0]?.limit.scope).toEqual(account);
});

test("text from a provider cannot steer a terminal, nor grow without end", () => {
  const limit_name = `\u001b[2J\u202e${"x".repeat(10_000)}`;
  const item = { limit_name, rate_limit: { primary_window: { used_percent: 1 } } };
  const [first] = read("openai-codex", { additional_rate_limits: [item] }).limits;
  expect(first?.limit.label).toMatch(/^\?\[2J\?x+$/);
  expect(first?.limit.label.length).toBe(120);
});

test("an answer with ten thousand limits gives as many as are kept", () => {
  const buckets = Array.from({ length: 10_000 }, (_, i) => ({
    modelId: `m${i}`,
    remainingFraction: 1,
  }));
  expect(read("google-gemini-cli", { buckets }).limits.length).toBe(MAX_LIMITS);
});

describe("whatever is answered", () => {
  const probes = builtInProviders()
    .filter(({ usage }) => usage !== undefined)
    .map(({ id }) => id);
  const odd = fc.oneof(
    fc.double(),
    fc.integer().map(String),
    fc.string(),
    fc.array(fc.double(), { maxLength: 2 }),
    fc.constantFrom(null, -1, 1e308, -0, "NaN", "1e999", "12 %", "2026-13-99", true, [], {}),
  );

  test("the outcome is a list of limits that the protocol knows, shares within 0 and 1", () => {
    const someProbe = fc.constantFrom(...probes);
    const oddAnswer = someProbe.chain((provider) =>
      fc
        .array(fc.tuple(fc.constantFrom(...pathsOf(provider)), odd), { maxLength: 24 })
        .map((values) => [provider, answerWith(values)] as const),
    );
    let found = 0;
    fc.assert(
      fc.property(oddAnswer, ([provider, answer]) => {
        for (const { limit } of read(provider, answer).limits) {
          found += 1;
          expectSound(limit);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(found).toBeGreaterThan(300);
  });

  test.each([[null], [[]], ["text"], [5], [{}], [[{ data: { usage: 1 } }]]])(
    "%j is at worst no report",
    (answer) => {
      for (const provider of probes) expect(read(provider, answer).limits).toEqual([]);
    },
  );

  /** Every path that a probe's rules look at, those of list items at the first one. */
  function pathsOf(provider: string): string[] {
    return probeOf(provider).limits.flatMap(({ each, ...rule }) =>
      Object.entries(rule)
        .filter(([name]) => !["id", "label", "unit", "where"].includes(name))
        .flatMap(([, paths]): unknown[] => (Array.isArray(paths) ? paths : [paths]))
        .filter((path) => typeof path === "string")
        .map((path) => (each === undefined ? path : `${each}.0.${path}`)),
    );
  }

  function answerWith(values: readonly (readonly [path: string, value: unknown])[]): unknown {
    const answer: Record<string, unknown> = {};
    for (const [path, value] of values) {
      const [last = "", ...parents] = path.split(".").toReversed();
      let at = answer;
      for (const key of parents.toReversed()) at = childOf(at, key);
      at[last] = value;
    }
    return withLists(answer);
  }

  function childOf(parent: Record<string, unknown>, key: string): Record<string, unknown> {
    const child = parent[key];
    if (isJsonObject(child)) return child;
    const made = {};
    parent[key] = made;
    return made;
  }

  function withLists(value: unknown): unknown {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const entries = Object.entries(value);
    if (Object.hasOwn(value, "0")) return entries.map(([, item]) => withLists(item));
    return Object.fromEntries(entries.map(([key, item]) => [key, withLists(item)]));
  }
});

/** Survives the protocol unchanged, with sane numbers. */
function expectSound(limit: UsageLimit): void {
  const { usedFraction, remainingFraction, ...numbers } = limit.amount;
  for (const fraction of [usedFraction, remainingFraction]) {
    if (fraction === undefined) continue;
    expect(fraction).toBeGreaterThanOrEqual(0);
    expect(fraction).toBeLessThanOrEqual(1);
  }
  for (const number of [numbers.used, numbers.limit, numbers.remaining]) {
    if (number !== undefined) expect(Number.isFinite(number)).toBe(true);
  }
  const sent: unknown = JSON.parse(JSON.stringify(limit));
  expect(UsageLimit.parse(sent)).toEqual(UsageLimit.parse(limit));
}
