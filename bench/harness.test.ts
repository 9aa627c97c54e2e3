// The mock and the clients against each other, as processes: a harness that miscounts would pass for a gateway's fault,
// or hide one.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child } from "./child.ts";
import {
  AbortResult,
  LoadResult,
  StallResult,
  StreamsEnded,
  StreamsStarted,
  type LoadJob,
} from "./load-job.ts";
import { MockControl } from "./mock/report.ts";
import { samePairs, type Pair } from "./pair.ts";
import { startMock, startScript, type Target } from "./target.ts";
import { jsonSmall, requestOf, streamed } from "./workload.ts";

const CHAT: Pair = { client: "chat", upstream: "chat" };
const BYTES_PER_MIB = 1_048_576;

const folder = mkdtempSync(join(tmpdir(), "parley-bench-test-"));
const place = { folder, env: {} };
let direct: Target;
let mock: MockControl;
let load: Child;

beforeAll(async () => {
  const started = await startMock(place);
  direct = started.direct;
  mock = new MockControl(started.child);
  load = startScript("load-generator.ts", [], place);
  await load.receive();
});

afterAll(async () => {
  await load.stop();
  await direct.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(job: LoadJob): Promise<unknown> {
  load.send(job);
  return await load.receive();
}

test.each(samePairs)("whole replies and bursts arrive in $client", async (pair) => {
  for (const workload of [jsonSmall, streamed({ kind: "burst", deltas: 200 })]) {
    const request = requestOf(workload, direct, pair);
    const job = { kind: "closed-loop", connections: 2, durationMs: 50, ...request } as const;
    const { delivered, failed, firstFailure } = LoadResult.parse(await run(job));
    expect({ failed, firstFailure }).toEqual({ failed: 0, firstFailure: undefined });
    expect(delivered).toBeGreaterThan(0);
  }
});

test.each(samePairs)("paced streams of $client arrive whole, and are counted", async (pair) => {
  await mock.reset();
  const workload = streamed({ kind: "paced", deltas: 20, everyMs: 5 });
  const begun = await run({
    kind: "open-streams",
    connections: 30,
    rampMs: 20,
    startWithinMs: 20_000,
    endWithinMs: 20_000,
    ...requestOf(workload, direct, pair),
  });
  expect(StreamsStarted.parse(begun)).toMatchObject({ started: 30, refused: {} });
  expect(StreamsEnded.parse(await load.receive())).toEqual({ delivered: 30, failed: 0 });
  expect(await mock.report()).toMatchObject({ open: 0, deltas: 600, closedAtMs: {} });
});

test("a stream that is not there in time has not started, and has failed", async () => {
  await mock.reset();
  const begun = await run({
    kind: "open-streams",
    connections: 3,
    rampMs: 0,
    startWithinMs: 100,
    endWithinMs: 100,
    ...requestOf(streamed({ kind: "silent" }), direct, CHAT),
  });
  expect(StreamsStarted.parse(begun).started).toBe(0);
  expect(StreamsEnded.parse(await load.receive()).failed).toBe(3);
});

test.each(["before", "after"] as const)(
  "the mock sees each client that leaves %s its first byte, after it left",
  async (phase) => {
    await mock.reset();
    const plan =
      phase === "before"
        ? ({ kind: "silent" } as const)
        : ({ kind: "paced", deltas: 9_000, everyMs: 5 } as const);
    const job = { kind: "abort", connections: 5, phase, patienceMs: 50 } as const;
    const request = requestOf(streamed(plan), direct, CHAT);
    const { leftAtMs, firstFailure } = AbortResult.parse(await run({ ...job, ...request }));
    expect(firstFailure).toBeUndefined();
    let report = await mock.report();
    while (report.open > 0) report = await mock.report();
    expect(Object.keys(report.closedAtMs).toSorted()).toEqual(Object.keys(leftAtMs).toSorted());
    for (const [client, atMs] of Object.entries(leftAtMs)) {
      // One millisecond for the difference of two processes' clocks.
      expect(report.closedAtMs[client]).toBeGreaterThan(atMs - 1);
    }
  },
);

test("readers that stop are sent what the kernel holds, and no more", async () => {
  await mock.reset();
  const job = { kind: "stall", connections: 2, startWithinMs: 20_000, holdMs: 500 } as const;
  const request = requestOf(streamed({ kind: "flood", mib: 50 }), direct, CHAT);
  expect(StallResult.parse(await run({ ...job, ...request })).stalled).toBe(2);
  const { stalled, readBytes } = StallResult.parse(await load.receive());
  const { floodBytes } = await mock.report();
  expect(stalled).toBe(2);
  expect(floodBytes).toBeGreaterThan(readBytes);
  expect(floodBytes).toBeLessThan(2 * 50 * BYTES_PER_MIB);
});
