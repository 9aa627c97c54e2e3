// Many ask, the broker is asked once; a failure is null for a while, and nobody's leaving disturbs another.

import { expect, test } from "bun:test";
import { createLogger } from "#platform";
import type { UsageReports } from "#wire";
import { BrokerUnreachable } from "../errors.ts";
import { RemoteUsage, USAGE_CACHE_TTL_MS } from "./remote-usage.ts";

const reports: UsageReports = { generatedAt: 1, reports: [] };

/** A usage client whose calls the test ends by hand. */
function usageOf() {
  const calls: PromiseWithResolvers<UsageReports>[] = [];
  const lines: string[] = [];
  let nowMs = 0;
  let stale = 0;
  const usage = new RemoteUsage({
    client: {
      usage: () => {
        const call = Promise.withResolvers<UsageReports>();
        calls.push(call);
        return call.promise;
      },
      markUsageStale: async () => void (stale += 1),
    },
    log: createLogger({ write: (line) => lines.push(line) }),
    monotonicMs: () => nowMs,
  });
  return { usage, calls, lines, pass: (ms: number) => (nowMs += ms), staleCalls: () => stale };
}

test("everyone who asks at once shares one call, and its answer stands for the window", async () => {
  const { usage, calls, pass } = usageOf();
  const asked = [usage.reports(), usage.reports(), usage.reports()];
  calls[0]?.resolve(reports);
  expect(await Promise.all(asked)).toEqual([reports, reports, reports]);
  pass(USAGE_CACHE_TTL_MS - 1);
  await usage.reports();
  expect(calls).toHaveLength(1);
  pass(1);
  void usage.reports();
  expect(calls).toHaveLength(2);
});

test("a failure is logged, answered with null, and not repeated within the window", async () => {
  const { usage, calls, lines, pass } = usageOf();
  const asked = usage.reports();
  calls[0]?.reject(new BrokerUnreachable("http://broker.test", "down"));
  expect(await asked).toBeNull();
  expect(await usage.reports()).toBeNull();
  expect(calls).toHaveLength(1);
  expect(lines.join("")).toContain("broker_unreachable");
  pass(USAGE_CACHE_TTL_MS);
  const again = usage.reports();
  calls[1]?.resolve(reports);
  expect(await again).toEqual(reports);
});

test("a caller that leaves is let go at once, and the others get their answer", async () => {
  const { usage, calls } = usageOf();
  const leaving = new AbortController();
  const left = usage.reports({ signal: leaving.signal });
  const stayed = usage.reports();
  leaving.abort(new Error("enough"));
  await expect(left).rejects.toThrow("enough");
  await expect(usage.reports({ signal: leaving.signal })).rejects.toThrow("enough");
  calls[0]?.resolve(reports);
  expect(await stayed).toEqual(reports);
  expect(calls).toHaveLength(1);
});

test("what was marked stale is asked for anew, also when an older answer is still on its way", async () => {
  const { usage, calls, staleCalls } = usageOf();
  const before = usage.reports();
  await usage.markStale();
  expect(staleCalls()).toBe(1);
  const after = usage.reports();
  expect(calls).toHaveLength(2);
  calls[1]?.resolve({ ...reports, generatedAt: 2 });
  expect((await after)?.generatedAt).toBe(2);
  calls[0]?.resolve(reports);
  await before;
  expect((await usage.reports())?.generatedAt).toBe(2);
});
