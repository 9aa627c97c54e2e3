// How often providers are asked, on whose behalf, and what stands when they do not answer.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { BrokerError } from "../errors.ts";
import { MAX_POLLS_AT_ONCE } from "./poll-queue.ts";
import { USAGE_LAST_GOOD_RETENTION_MS } from "./usage-cache.ts";
import {
  FIRST_RETRY_MS,
  STALE_INTERVAL_MS,
  USAGE_REPORT_TTL_MS,
  UsageMonitor,
} from "./usage-monitor.ts";
import {
  describeProvider,
  grant,
  openUsageBench,
  ScriptedProvider,
  type UsageBench,
} from "./usage-under-test.ts";

let bench: UsageBench;
let provider: ScriptedProvider;

beforeEach(() => {
  bench = openUsageBench();
  provider = new ScriptedProvider();
  bench.providers.set("acme", describeProvider("acme", provider.url));
});

afterEach(async () => {
  await bench.close();
  await provider.stop();
});

const fractions = async () =>
  (await bench.monitor.reports()).map(({ limits }) => limits.map((l) => l.amount.usedFraction));

function jsonOnce(...answers: readonly (() => Response)[]): void {
  let next = 0;
  provider.answer = () => (answers[next++] ?? answers.at(-1) ?? Response.error)();
}

/** Lets whatever is ready to run do so, until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("nobody is asked before somebody wants to know", () => {
  bench.vault.upsert("acme", grant("a"));
  bench.monitor.markStale();
  expect(provider.asked).toEqual([]);
});

test("a report says whose it is, how much is used, and nothing secret", async () => {
  provider.answer = () => Response.json({ percent: 25, plan: "pro" });
  const { id } = bench.vault.upsert("acme", grant("a"));
  const reports = await bench.monitor.reports();
  expect(reports).toMatchObject([
    {
      provider: "acme",
      fetchedAt: bench.nowMs,
      limits: [{ id: "window", amount: { usedFraction: 0.25 }, status: "ok" }],
      metadata: {
        plan: "pro",
        credentialId: id,
        email: "a@example.test",
        accountId: "account-a",
      },
    },
  ]);
  expect(JSON.stringify(reports)).not.toContain("canary");
});

describe("the question", () => {
  test("carries the access token and what the descriptor takes from the account", async () => {
    bench.vault.upsert("acme", grant("a"));
    await bench.monitor.reports();
    expect(provider.asked).toMatchObject([
      {
        method: "GET",
        path: "/usage",
        headers: { authorization: "Bearer canary-access-a", "x-account": "account-a" },
      },
    ]);
  });

  test("carries an API key where the provider takes one, and leaves out what is not known", async () => {
    bench.vault.upsert("acme", { type: "api_key", key: "canary-key" });
    await bench.monitor.reports();
    expect(provider.asked[0]?.headers["authorization"]).toBe("Bearer canary-key");
    expect(provider.asked[0]?.headers).not.toHaveProperty("x-account");
  });

  test("is not put with a kind of credential that the provider does not take", async () => {
    bench.providers.set("acme", describeProvider("acme", provider.url, { appliesTo: ["oauth"] }));
    bench.vault.upsert("acme", { type: "api_key", key: "canary-key" });
    bench.vault.upsert("unknown", grant("b"));
    expect(await bench.monitor.reports()).toEqual([]);
    expect(provider.asked).toEqual([]);
  });

  test("may be a POST with a body; a refresh token goes nowhere", async () => {
    const body = { project: "{accountId}", token: "{refresh}", depth: 1 };
    bench.providers.set(
      "acme",
      describeProvider("acme", provider.url, { method: "POST", body, headers: {} }),
    );
    bench.vault.upsert("acme", grant("a"));
    await bench.monitor.reports();
    const [asked] = provider.asked;
    expect(asked?.method).toBe("POST");
    expect(asked?.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(asked?.body ?? "")).toEqual({ project: "account-a", depth: 1 });
  });

  test("waits for a grant that has run out to be renewed", async () => {
    const { id } = bench.vault.upsert("acme", grant("a", bench.nowMs));
    await bench.monitor.reports();
    expect(bench.renewed).toEqual([id]);
    expect(provider.asked[0]?.headers["authorization"]).toBe("Bearer canary-renewed");
  });
});

describe("how often", () => {
  test("a hundred clients who poll every minute cost at most one question per report's life", async () => {
    bench.vault.upsert("acme", grant("a"));
    const startMs = bench.nowMs;
    let dice = 0;
    const askedAtMs: number[] = [];
    provider.answer = () => {
      askedAtMs.push(bench.nowMs);
      return Response.json({ percent: 1 });
    };
    for (; bench.nowMs < startMs + 60 * 60_000; bench.nowMs += 60_000) {
      bench.random = dice = (dice + 0.37) % 1;
      await Promise.all(Array.from({ length: 100 }, () => bench.monitor.reports()));
    }
    const pauses = askedAtMs.slice(1).map((atMs, index) => atMs - (askedAtMs[index] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(0.75 * USAGE_REPORT_TTL_MS);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1.25 * USAGE_REPORT_TTL_MS + 60_000);
    expect(askedAtMs.length).toBeLessThanOrEqual(13);
    expect(askedAtMs.length).toBeGreaterThanOrEqual(9);
  });

  test("everybody who asks during a poll gets its outcome", async () => {
    bench.vault.upsert("acme", grant("a"));
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    provider.answer = () => released.then(() => Response.json({ percent: 40 }));
    const all = Array.from({ length: 100 }, fractions);
    await until(() => provider.asked.length > 0);
    release();
    expect(await Promise.all(all)).toEqual(all.map(() => [[0.4]]));
    expect(provider.asked.length).toBe(1);
  });

  test("another process on the same vault does not ask again what is asked already", async () => {
    bench.vault.upsert("acme", grant("a"));
    bench.vault.upsert("acme", grant("b"));
    const other = new UsageMonitor(bench.options);
    // The second account is due for both, waits behind the first here, and is asked about there.
    await Promise.all([bench.monitor.reports(), other.reports()]);
    bench.nowMs += USAGE_REPORT_TTL_MS / 2;
    expect(await other.reports()).toHaveLength(2);
    expect(await fractions()).toEqual([[0.25], [0.25]]);
    expect(provider.asked.length).toBe(2);
    await other.stop();
  });

  test("many accounts of one host are asked one after the other, of several hosts a few at once", async () => {
    const others = Array.from({ length: 6 }, () => new ScriptedProvider());
    const under = { now: 0, most: 0, mostOfOne: 0, ofOne: 0 };
    const slow = (isOne: boolean) => async () => {
      under.most = Math.max(under.most, ++under.now);
      if (isOne) under.mostOfOne = Math.max(under.mostOfOne, ++under.ofOne);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      under.now -= 1;
      if (isOne) under.ofOne -= 1;
      return Response.json({ percent: 1 });
    };
    provider.answer = slow(true);
    for (let i = 0; i < 10; i++) bench.vault.upsert("acme", grant(`a${i}`));
    for (const [i, other] of others.entries()) {
      other.answer = slow(false);
      bench.providers.set(`other-${i}`, describeProvider(`other-${i}`, other.url));
      bench.vault.upsert(`other-${i}`, grant(`o${i}`));
    }
    const reports = await bench.monitor.reports();
    expect(reports.length).toBe(16);
    expect(provider.asked.length).toBe(10);
    expect(under.mostOfOne).toBe(1);
    expect(under.most).toBeLessThanOrEqual(MAX_POLLS_AT_ONCE);
    await Promise.all(others.map((other) => other.stop()));
  });

  test("accounts drift apart, so that later rounds do not fall together", async () => {
    for (let i = 0; i < 5; i++) bench.vault.upsert("acme", grant(`a${i}`));
    let dice = 0;
    provider.answer = () => {
      bench.random = dice += 0.19;
      return Response.json({ percent: 1 });
    };
    await bench.monitor.reports();
    bench.nowMs += 0.9 * USAGE_REPORT_TTL_MS;
    await bench.monitor.reports();
    expect(provider.asked.length).toBe(6);
  });

  test("calling reports stale has them asked for again, once a minute at most", async () => {
    bench.vault.upsert("acme", grant("a"));
    await bench.monitor.reports();
    for (let i = 0; i < 50; i++) {
      bench.monitor.markStale();
      await bench.monitor.reports();
    }
    expect(provider.asked.length).toBe(1);
    bench.nowMs += STALE_INTERVAL_MS;
    await bench.monitor.reports();
    bench.monitor.markStale();
    await bench.monitor.reports();
    expect(provider.asked.length).toBe(2);
  });

  test("a clock that was two hours ahead does not silence a credential", async () => {
    bench.vault.upsert("acme", grant("a"));
    bench.nowMs += 5 * 60 * 60_000;
    await bench.monitor.reports();
    bench.nowMs -= 5 * 60 * 60_000;
    await bench.monitor.reports();
    expect(provider.asked.length).toBe(2);
  });
});

describe("a provider that does not answer well", () => {
  test.each([
    ["a refusal", () => new Response("no", { status: 403 }), "usage_refused"],
    ["an error", () => new Response("no", { status: 503 }), "usage_unavailable"],
    ["a page", () => new Response("<html>canary-page</html>"), "usage_answer_unusable"],
    ["half of JSON", () => new Response('{"percent": 1'), "usage_answer_unusable"],
    ["a redirect", () => Response.redirect("http://127.0.0.1:1/"), "usage_unreachable"],
    ["a flood", () => new Response("x".repeat(2 ** 21)), "usage_unreachable"],
    ["a limit", () => new Response("", { status: 429 }), "usage_rate_limited"],
  ])("%s leaves the last good numbers standing, and says why in a code", async (_, bad, code) => {
    bench.vault.upsert("acme", grant("a"));
    const firstMs = bench.nowMs;
    jsonOnce(() => Response.json({ percent: 25 }), bad);
    await bench.monitor.reports();
    bench.nowMs += 2 * USAGE_REPORT_TTL_MS;
    const [report] = await bench.monitor.reports();
    expect(report).toMatchObject({
      fetchedAt: firstMs,
      limits: [{ amount: { usedFraction: 0.25 } }],
      metadata: { lastError: code },
    });
    expect(bench.lines.map(([level]) => level)).toEqual(["warn"]);
    const said = inspect(bench.lines, { depth: 10 }) + JSON.stringify(report);
    expect(said).not.toContain("canary");
    bench.nowMs = firstMs + USAGE_LAST_GOOD_RETENTION_MS;
    const [later] = await bench.monitor.reports();
    expect(later?.limits).toEqual([]);
  });

  test("is asked again soon, then ever later, and its first good answer ends that", async () => {
    bench.vault.upsert("acme", grant("a"));
    provider.answer = () => new Response("", { status: 500 });
    const asked = async (afterMs: number) => {
      bench.nowMs += afterMs;
      await bench.monitor.reports();
      return provider.asked.length;
    };
    expect(await asked(0)).toBe(1);
    expect(await asked(FIRST_RETRY_MS - 1)).toBe(1);
    expect(await asked(1)).toBe(2);
    expect(await asked(2 * FIRST_RETRY_MS - 1)).toBe(2);
    provider.answer = () => Response.json({ percent: 10 });
    expect(await asked(1)).toBe(3);
    expect(await fractions()).toEqual([[0.1]]);
    expect(await asked(USAGE_REPORT_TTL_MS - 1)).toBe(3);
  });

  test("after a 429 nobody's account is asked at that host until it may be", async () => {
    for (let i = 0; i < 5; i++) bench.vault.upsert("acme", grant(`a${i}`));
    const headers = { "retry-after": "1200" };
    provider.answer = () => new Response("", { status: 429, headers });
    await bench.monitor.reports();
    expect(provider.asked.length).toBe(1);
    bench.monitor.markStale();
    bench.nowMs += 1_199_000;
    await bench.monitor.reports();
    expect(provider.asked.length).toBe(1);
    provider.answer = () => Response.json({ percent: 1 });
    bench.nowMs += 1_000;
    await bench.monitor.reports();
    expect(provider.asked.length).toBe(6);
  });

  test("holds up nobody for longer than an answer may wait, nor the broker's end", async () => {
    const hasty = openUsageBench({ waitMs: 20 });
    hasty.providers.set("acme", describeProvider("acme", provider.url));
    hasty.vault.upsert("acme", grant("a"));
    provider.answer = () => new Promise<Response>(() => {});
    expect(await hasty.monitor.reports()).toEqual([]);
    await hasty.close();
    expect(hasty.lines).toEqual([]);
  });

  test("whose grant cannot be renewed is one account less, not an error for all", async () => {
    const { id } = bench.vault.upsert("acme", grant("a", 1));
    bench.vault.upsert("acme", grant("b"));
    const fresh = () => Promise.reject(new BrokerError("refresh_failed", "it did not go well"));
    const monitor = new UsageMonitor({ ...bench.options, fresh });
    expect(await monitor.reports()).toMatchObject([
      { limits: [], metadata: { credentialId: id, lastError: "refresh_failed" } },
      { limits: [{ amount: { usedFraction: 0.25 } }] },
    ]);
    expect(provider.asked.length).toBe(1);
    await monitor.stop();
  });
});

describe("headers that clients saw", () => {
  const stored = (id: number) => {
    const found = bench.vault.get(id);
    if (found === undefined) throw new Error("no such credential");
    return found;
  };

  test("are fresher than the report, and the next report is fresher than they", async () => {
    const { id } = bench.vault.upsert("acme", grant("a"));
    const resets = "2026-11-21T00:00:00Z";
    provider.answer = () => Response.json({ percent: 25, resets });
    await bench.monitor.reports();
    bench.nowMs += 60_000;
    bench.monitor.feed(stored(id), { "x-percent": "90", "x-limit": "10", "x-left": "4" });
    const [report] = await bench.monitor.reports();
    expect(report?.limits).toMatchObject([
      {
        id: "window",
        label: "Window",
        amount: { usedFraction: 0.9 },
        status: "warning",
        window: { resetsAt: Date.parse(resets) },
      },
      { id: "requests", amount: { usedFraction: 0.6, used: 6, limit: 10 } },
    ]);
    expect(report?.fetchedAt).toBe(bench.nowMs);
    bench.nowMs += 2 * USAGE_REPORT_TTL_MS;
    provider.answer = () => Response.json({ percent: 30 });
    expect(await fractions()).toEqual([[0.3, 0.6]]);
    expect(provider.asked.length).toBe(2);
  });

  test("are a report where the provider cannot be asked, and cause no question", async () => {
    const usage = { appliesTo: ["oauth" as const] };
    bench.providers.set("acme", describeProvider("acme", provider.url, usage));
    const { id } = bench.vault.upsert("acme", { type: "api_key", key: "canary-key" });
    bench.monitor.feed(stored(id), { "x-limit": "10", "x-left": "0" });
    expect(await bench.monitor.reports()).toMatchObject([
      { provider: "acme", limits: [{ id: "requests", status: "exhausted" }] },
    ]);
    expect(provider.asked).toEqual([]);
  });

  test("outlive the broker, though not each of them is written down", async () => {
    const { id } = bench.vault.upsert("acme", grant("a"));
    const writes = () => bench.vault.file.database.prepare("SELECT total_changes() AS n").get();
    bench.monitor.feed(stored(id), { "x-percent": "1" });
    const before = writes();
    for (let percent = 2; percent <= 50; percent++) {
      bench.monitor.feed(stored(id), { "x-percent": `${percent}` });
    }
    expect(writes()).toEqual(before);
    await bench.monitor.stop();
    const row = bench.vault.file.database.prepare("SELECT known FROM usage_reports").get();
    expect(JSON.stringify(row)).toContain(String.raw`\"usedFraction\":0.5`);
  });

  test("of an account that credits pay for do not call it exhausted", async () => {
    const limits = [
      { id: "window", label: "Window", usedPercent: "percent", relief: ["hasCredits"] },
    ];
    bench.providers.set("acme", describeProvider("acme", provider.url, { limits }));
    const { id } = bench.vault.upsert("acme", grant("a"));
    provider.answer = () => Response.json({ percent: 99, hasCredits: true });
    await bench.monitor.reports();
    bench.monitor.feed(stored(id), { "x-percent": "100" });
    const [report] = await bench.monitor.reports();
    expect(report?.limits[0]).toMatchObject({ status: "warning", amount: { usedFraction: 1 } });
  });
});

test("damaged rows are as good as none, and cost no request its answer", async () => {
  const { id } = bench.vault.upsert("acme", grant("a"));
  await bench.monitor.reports();
  const damage = (text: string) => {
    bench.vault.file.database.prepare("UPDATE usage_reports SET known = ?").run(text);
    bench.vault.file.database.prepare("UPDATE usage_history SET limits = ?").run(text);
  };
  for (const text of ["{", "null", '{"limits":[{}],"metadata":{}}', '[{"usedFraction":"x"}]']) {
    damage(text);
    expect(await bench.monitor.reports()).toEqual([]);
    expect(bench.monitor.history.read()).toEqual([]);
  }
  bench.nowMs += 2 * USAGE_REPORT_TTL_MS;
  expect(await bench.monitor.reports()).toMatchObject([{ metadata: { credentialId: id } }]);
});

describe("whoever sees one provider", () => {
  const sees = (id: string) => id === "acme";

  test("causes no question elsewhere, and reads nothing of it", async () => {
    const other = new ScriptedProvider();
    bench.providers.set("other", describeProvider("other", other.url));
    bench.vault.upsert("acme", grant("a"));
    bench.vault.upsert("other", grant("b"));
    const reports = await bench.monitor.reports(sees);
    expect(reports.map((report) => report.provider)).toEqual(["acme"]);
    expect(other.asked).toEqual([]);
    await bench.monitor.reports();
    bench.nowMs += STALE_INTERVAL_MS;
    bench.monitor.markStale(sees);
    await bench.monitor.reports();
    expect([provider.asked.length, other.asked.length]).toEqual([2, 1]);
    expect(bench.monitor.history.read({ sees }).map((entry) => entry.provider)).toEqual(["acme"]);
    await other.stop();
  });
});
