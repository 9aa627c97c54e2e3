// Rows that go in together are the rows that come out, in order, however many there are.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "#platform";
import { LEDGER_COLUMNS, type LedgerRow } from "./ledger-row.ts";
import { LEDGER_MIGRATIONS } from "./ledger-schema.ts";
import { insertRows, ROWS_AT_ONCE } from "./row-insert.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-rows-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const row = (n: number): LedgerRow => {
  const empty = Object.fromEntries(LEDGER_COLUMNS.map((name) => [name, null]));
  const words = { key_id: "k", key_name: "k", format: "chat", outcome: "completed" };
  const numbers = { at_ms: n, status: 200, is_stream: 0, is_estimated: 0, elapsed_ms: n };
  return { ...empty, ...words, ...numbers, request_id: `req_${n}`, output: n } as LedgerRow;
};

test.each([0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 3])(
  "%d rows are kept whole, in order",
  (count) => {
    const path = join(folder, `${count}.db`);
    const database = openDatabase(path, { migrations: LEDGER_MIGRATIONS, synchronous: "NORMAL" });
    const rows = Array.from({ length: count }, (_, n) => row(n));
    insertRows(database, rows);
    const columns = LEDGER_COLUMNS.join(", ");
    expect(database.prepare(`SELECT ${columns} FROM requests ORDER BY id`).all()).toEqual(rows);
    database.close();
  },
);
