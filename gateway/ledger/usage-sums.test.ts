// What the ledger adds up, by what, over which time, and what becomes of a cost that is not known.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "#platform";
import { Ledger } from "./ledger.ts";
import { usageSums } from "./usage-sums.ts";

const DAY_MS = 24 * 3_600_000;
const START_MS = Date.UTC(2026, 10, 1);
const home = mkdtempSync(join(tmpdir(), "parley-sums-"));
const log = createLogger({ level: "silent", write: () => {} });
let ledger: Ledger;

beforeAll(() => {
  ledger = new Ledger(home, { priceOf: () => undefined, log });
  const insert = ledger.database.prepare(
    `INSERT INTO requests (request_id, at_ms, key_id, key_name, format, provider, model, credential_id, key_source,
       outcome, status, is_stream, input, output, is_estimated, cost_nano_usd, elapsed_ms)
     VALUES ('r', ?, ?, ?, 'chat', ?, ?, ?, 'broker', ?, 200, 0, 10, 5, 0, ?, 1)`,
  );
  const at = (day: number) => START_MS + day * DAY_MS;
  insert.run(at(0), "owner", "owner", "sim", "echo", 7, "completed", 100);
  insert.run(at(0) + 1, "key_a", "ci", "sim", "echo", null, "completed", null);
  insert.run(at(1), "key_a", "ci", "sim", "long", 7, "failed", null);
  insert.run(at(1), "key_b", "ci", null, null, null, "refused", null);
  insert.run(at(2), "key_b", "ci", "lab", "m", 8, "completed", 40);
});
afterAll(() => {
  ledger.close();
  rmSync(home, { recursive: true, force: true });
});

const groups = (options: Parameters<typeof usageSums>[1]) =>
  Object.fromEntries(
    usageSums(ledger.database, options).map(({ group, requests }) => [group, requests]),
  );

test("by key, model, account and day; two keys of one name are two", () => {
  expect(groups({ by: "key" })).toEqual({ owner: 1, "ci (key_a)": 2, "ci (key_b)": 2 });
  expect(groups({ by: "model" })).toEqual({ "sim/echo": 2, "sim/long": 1, "lab/m": 1, none: 1 });
  expect(groups({ by: "account" })).toEqual({ "sim#7": 2, "sim#broker": 1, "lab#8": 1, none: 1 });
  expect(groups({ by: "day" })).toEqual({ "2026-11-01": 2, "2026-11-02": 2, "2026-11-03": 1 });
});

test("from the first moment on, up to the last and without it", () => {
  const stretch = { sinceMs: START_MS + DAY_MS, untilMs: START_MS + 2 * DAY_MS };
  expect(groups({ by: "day", ...stretch })).toEqual({ "2026-11-02": 2 });
  expect(groups({ by: "day", keyId: "key_a" })).toEqual({ "2026-11-01": 1, "2026-11-02": 1 });
});

test("an unknown cost is null where nothing else is known, and counted where something is", () => {
  const costs = usageSums(ledger.database, { by: "model" }).map(
    ({ group, costNanoUsd, unpriced }) => [group, costNanoUsd, unpriced],
  );
  expect(costs).toEqual([
    ["lab/m", 40, 0],
    ["none", 0, 0],
    ["sim/echo", 100, 1],
    ["sim/long", null, 1],
  ]);
});
