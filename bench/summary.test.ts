// The arithmetic behind pass and miss, on figures small enough to check by hand.

import { expect, test } from "bun:test";
import type { Measurement, Sample } from "./measure.ts";
import type { Pair } from "./pair.ts";
import type { Scenario } from "./scenarios.ts";
import { judge, summarize } from "./summary.ts";
import type { Target } from "./target.ts";
import { streamed } from "./workload.ts";

const scenario: Scenario = {
  id: "translate",
  title: "a test",
  workload: streamed({ kind: "burst", deltas: 200 }),
  connections: 1,
  pairs: [{ client: "messages", upstream: "chat" }],
  aims: { translatedRatio: 2.2 },
};

function sample(cpuSeconds: number, { failed = 0, p50 = 1, cpuUnits = 1_000 } = {}): Sample {
  const quantiles = { p50, p99: p50 };
  const times = { firstByteMs: quantiles, totalMs: quantiles };
  return { delivered: 1_000, failed, elapsedMs: 500, cpuSeconds, cpuUnits, ...times };
}

// What counts as costly is what has a process; no figure here reads it.
const child = Object.create(null);

function measurement(
  id: string,
  pair: Pair,
  samples: readonly Sample[],
  of: Scenario = scenario,
): Measurement {
  const target: Target = {
    id,
    url: "",
    ...(id !== "direct" && { process: child }),
    modelOf: () => "",
    stop: async () => {},
  };
  return { lane: { scenario: of, target, pair }, samples };
}

const toChat = { client: "messages", upstream: "chat" } as const;
const chat = { client: "chat", upstream: "chat" } as const;
const messages = { client: "messages", upstream: "messages" } as const;

test("a translating lane is compared with the mean of both formats, round by round", () => {
  // The machine is half as fast in the second round; ratios do not notice.
  const rows = summarize([
    measurement("bare", chat, [sample(0.3), sample(0.6), sample(0.3)]),
    measurement("bare", messages, [sample(0.1), sample(0.2), sample(0.1)]),
    measurement("gateway", toChat, [sample(0.4), sample(0.8), sample(0.42)]),
  ]);
  const row = rows.find(({ target }) => target === "gateway");
  expect(row?.ratioToBare).toBeCloseTo(2);
  expect(row?.cpuSecondsPer1k).toBeCloseTo(0.42);
  expect(row?.cpuUsPerDelta).toBeCloseTo(2.1);
  expect(row?.ratioToNginx).toBeUndefined();
  expect(judge(scenario, rows)).toMatchObject([{ hasPassed: true }]);
});

test("added latency is what direct does not have", () => {
  const rows = summarize([
    measurement("direct", chat, [sample(0, { p50: 2 })]),
    measurement("bare", chat, [sample(0.1, { p50: 5 })]),
  ]);
  expect(rows[0]?.addedP50Ms).toBeUndefined();
  expect(rows[0]?.cpuSecondsPer1k).toBeUndefined();
  expect(rows[1]?.addedP50Ms).toBe(3);
});

test("a lane that lost answers misses its aim, however cheap it was", () => {
  const rows = summarize([
    measurement("bare", chat, [sample(0.3)]),
    measurement("bare", messages, [sample(0.3)]),
    measurement("gateway", toChat, [sample(0.1, { failed: 1 })]),
  ]);
  expect(judge(scenario, rows)).toMatchObject([{ hasPassed: false }]);
});

test("without a reference there is no pass", () => {
  const rows = summarize([measurement("gateway", toChat, [sample(0.1)])]);
  expect(judge(scenario, rows)).toMatchObject([{ hasPassed: false }]);
});

test("of open streams CPU is counted per delta, and their time is nobody's figure", () => {
  const open: Scenario = { ...scenario, id: "paced", isOpen: true, aims: { sameRatio: 1.5 } };
  const rows = summarize([
    measurement("bare", chat, [sample(0.2, { cpuUnits: 10_000 })], open),
    measurement("gateway", chat, [sample(0.25, { cpuUnits: 10_000 })], open),
  ]);
  expect(rows[1]?.cpuUsPerDelta).toBeCloseTo(25);
  expect(rows[1]?.cpuSecondsPer1k).toBeUndefined();
  expect(rows[1]?.p50Ms).toBeUndefined();
  expect(judge(open, rows)).toMatchObject([{ value: 1.25, hasPassed: true }]);
});
