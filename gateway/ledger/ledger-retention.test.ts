// Which rows go, which stay whatever the setting, and that it is done in small steps.

import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "#platform";
import { Ledger } from "./ledger.ts";
import { LedgerRetention, SWEEP_ROWS } from "./ledger-retention.ts";

const DAY_MS = 24 * 3_600_000;
const NOW_MS = Date.UTC(2026, 10, 21, 12);
const log = createLogger({ level: "silent", write: () => {} });

let home: string;
let ledger: Ledger;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-retention-"));
  ledger = new Ledger(home, { priceOf: () => undefined, log, nowMs: () => NOW_MS });
});
afterEach(() => {
  jest.useRealTimers();
  ledger.close();
  rmSync(home, { recursive: true, force: true });
});

function addRows(count: number, daysAgo: number): void {
  const insert = ledger.database.prepare(
    `INSERT INTO requests (request_id, at_ms, key_id, key_name, format, provider, outcome, status, is_stream,
       is_estimated, elapsed_ms) VALUES ('r', ?, 'key_1', 'ci', 'chat', 'sim', 'completed', 200, 0, 0, 1)`,
  );
  ledger.database.transaction(() => {
    for (let row = 0; row < count; row += 1) insert.run(NOW_MS - daysAgo * DAY_MS);
  })();
}

function rowsLeft(): number[] {
  return ledger.database
    .prepare<[number, number], { daysAgo: number }>(
      "SELECT DISTINCT (? - at_ms) / ? AS daysAgo FROM requests ORDER BY 1",
    )
    .all(NOW_MS, DAY_MS)
    .map(({ daysAgo }) => daysAgo);
}

const retention = (days: number) =>
  new LedgerRetention(ledger.database, { days, log, nowMs: () => NOW_MS });

test("rows older than the days that are kept go, the others stay", () => {
  for (const daysAgo of [0, 29, 30, 31, 500]) addRows(1, daysAgo);
  expect(retention(30).sweep()).toBe(2);
  expect(rowsLeft()).toEqual([0, 29, 30]);
});

test("no more than a batch goes at once, the oldest first", () => {
  addRows(SWEEP_ROWS - 1, 90);
  addRows(2, 40);
  const sweeper = retention(30);
  expect(sweeper.sweep()).toBe(SWEEP_ROWS);
  expect(rowsLeft()).toEqual([40]);
  expect(sweeper.sweep()).toBe(1);
  expect(sweeper.sweep()).toBe(0);
});

test("what requests per day and budgets are counted from stays, however few days are kept", () => {
  ledger.book("key_1", 700, NOW_MS - 300 * DAY_MS);
  ledger.flush();
  addRows(3, 0.9);
  addRows(1, 300);
  expect(retention(0).sweep()).toBe(1);
  const { spentByDay, requests } = ledger.historyOf("key_1");
  expect([...spentByDay.values()]).toEqual([700]);
  expect(requests.reduce((sum, { count }) => sum + count, 0)).toBe(3);
});

test("it goes on by itself, batch by batch, until it is stopped", () => {
  jest.useFakeTimers();
  addRows(SWEEP_ROWS * 2 + 5, 90);
  const sweeper = retention(30);
  sweeper.start();
  jest.advanceTimersByTime(60_000);
  expect(ledger.database.prepare("SELECT count(*) AS n FROM requests").get()).toEqual({
    n: SWEEP_ROWS + 5,
  });
  jest.advanceTimersByTime(1_000);
  expect(rowsLeft()).toEqual([]);
  addRows(1, 90);
  jest.advanceTimersByTime(3_600_000);
  expect(rowsLeft()).toEqual([]);
  sweeper.stop();
  addRows(1, 90);
  jest.advanceTimersByTime(7_200_000);
  expect(rowsLeft()).toEqual([90]);
});
