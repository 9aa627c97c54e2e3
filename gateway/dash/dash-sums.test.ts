// What the page is told: bars that end now and begin where hours, days and weeks do, the largest groups apart and the
// rest together, and sums that agree with those of the ledger.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "#platform";
import { Ledger } from "../ledger/ledger.ts";
import { usageSums } from "../ledger/usage-sums.ts";
import { DASH_RANGES, type DashRange, MAX_DASH_SERIES } from "./dash-report.ts";
import { bucketsOf, dashReport } from "./dash-sums.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 10, 21, 19, 30);
const log = createLogger({ level: "silent", write: () => {} });

let home: string;
let ledger: Ledger;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-dash-"));
  ledger = new Ledger(home, { priceOf: () => undefined, log });
});
afterEach(() => {
  ledger.close();
  rmSync(home, { recursive: true, force: true });
});

interface Row {
  readonly hoursAgo?: number;
  readonly model?: string;
  readonly outcome?: string;
  readonly code?: string | null;
  readonly cost?: number | null;
}

function add({ hoursAgo = 0, model = "echo", outcome = "completed", code = null, cost = 7 }: Row) {
  ledger.database
    .prepare(
      `INSERT INTO requests (request_id, at_ms, key_id, key_name, format, provider, model, key_source, outcome, status,
         code, is_stream, input, cache_read, cache_write, output, is_estimated, cost_nano_usd, elapsed_ms)
       VALUES ('r', ?, 'owner', 'owner', 'chat', 'sim', ?, 'config', ?, 200, ?, 0, 10, 20, 30, 40, 0, ?, 1)`,
    )
    .run(NOW_MS - hoursAgo * HOUR_MS, model, outcome, code, cost);
}

const report = (range: DashRange = "24h") =>
  dashReport(ledger.database, { range, by: "model", nowMs: NOW_MS });

describe("the bars", () => {
  const first = (range: DashRange) =>
    new Date(bucketsOf(range, NOW_MS).starts[0] ?? 0).toISOString();

  test("begin where hours, days and weeks do, and the last is not over", () => {
    for (const range of Object.keys(DASH_RANGES) as DashRange[]) {
      const { starts, bucketMs } = bucketsOf(range, NOW_MS);
      const last = starts.at(-1) ?? 0;
      expect(last <= NOW_MS && NOW_MS < last + bucketMs).toBe(true);
      expect(starts.every((ms, index) => ms === (starts[0] ?? 0) + index * bucketMs)).toBe(true);
    }
    expect(first("24h")).toBe("2026-11-20T20:00:00.000Z");
    expect(first("30d")).toBe("2026-10-23T00:00:00.000Z");
    // A Monday.
    expect(first("1y")).toBe("2025-11-17T00:00:00.000Z");
  });

  test("hold what was in them, the moment of a change belonging to the new one", async () => {
    for (const hoursAgo of [0, 0.5, 0.5 + 1 / HOUR_MS, 23.5, 23.5 + 1 / HOUR_MS]) add({ hoursAgo });
    const { series, totals } = await report();
    expect(totals.requests).toBe(4);
    const counts = series[0]?.sums.map(({ requests }) => requests);
    expect([counts?.[0], counts?.[22], counts?.[23]]).toEqual([1, 1, 2]);
  });
});

test("the largest groups are told apart, the rest are together", async () => {
  for (let group = 0; group < MAX_DASH_SERIES + 3; group += 1) {
    for (let row = 0; row <= group; row += 1) add({ model: `m${group}` });
  }
  const { series, groups, totals } = await report();
  expect(series.map(({ group }) => group)).toEqual([
    ...Array.from({ length: MAX_DASH_SERIES }, (_, index) => `sim/m${MAX_DASH_SERIES + 2 - index}`),
    null,
  ]);
  expect(series.at(-1)?.sums.at(-1)).toMatchObject({ requests: 1 + 2 + 3, output: 6 * 40 });
  expect(groups).toHaveLength(MAX_DASH_SERIES + 3);
  const sum = groups.reduce((all, { requests }) => all + requests, 0);
  expect(totals.requests).toBe(sum);
});

test("errors are what was refused or broke off, by what went wrong; who left is none", async () => {
  add({ outcome: "refused", code: "rate_limited", cost: null });
  add({ outcome: "refused", code: "rate_limited", cost: null, hoursAgo: 3 });
  add({ outcome: "refused", code: null, cost: null });
  add({ outcome: "cut", cost: null });
  add({ outcome: "client_gone" });
  add({ outcome: "refused", code: "client_gone", cost: null });
  const { errors, totals } = await report();
  const sums = errors.map(({ code, counts }) => [code, counts.reduce((all, count) => all + count)]);
  expect(sums).toEqual([
    ["rate_limited", 2],
    ["cut", 1],
    ["refused", 1],
  ]);
  expect(totals).toMatchObject({ requests: 6, errors: 4, unpriced: 1, costNanoUsd: 7 });
});

test("the sums are those that the ledger adds up itself", async () => {
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let row = 0; row < 500; row += 1) {
    add({
      hoursAgo: random(24 * 29),
      model: `m${random(12)}`,
      cost: random(3) ? random(999) : null,
    });
  }
  const { groups, buckets } = await report("30d");
  const own = usageSums(ledger.database, { by: "model", sinceMs: buckets[0] ?? 0 });
  const pick = ({
    group,
    requests,
    input,
    output,
    costNanoUsd,
    unpriced,
  }: (typeof own)[number]) => ({
    group,
    requests,
    input,
    output,
    unpriced,
    costNanoUsd: costNanoUsd ?? 0,
  });
  const byName = (a: { group: string }, b: { group: string }) => (a.group < b.group ? -1 : 1);
  expect(
    groups.map(({ errors: _none, ...sum }) => pick({ ...sum, refused: 0 })).toSorted(byName),
  ).toEqual(own.map(pick).toSorted(byName));
});

test("other work has its turn between any two looks into the ledger", async () => {
  for (let hoursAgo = 0; hoursAgo < 24; hoursAgo += 1) add({ hoursAgo });
  let turns = 0;
  let isDone = false;
  const work = () => {
    turns += 1;
    if (!isDone) setImmediate(work);
  };
  setImmediate(work);
  await report();
  isDone = true;
  expect(turns).toBeGreaterThanOrEqual(24);
});

test("without a ledger the report is whole and empty", async () => {
  const empty = await dashReport(undefined, { range: "7d", by: "key", nowMs: NOW_MS });
  expect(empty).toMatchObject({ totals: { requests: 0 }, series: [], groups: [], errors: [] });
  expect(empty.buckets).toHaveLength(28);
});
