// Puts rows into the ledger, many with one statement: of what a row costs, most is the statement.

import type { Database } from "#platform";
import { LEDGER_COLUMNS, type LedgerRow } from "./ledger-row.ts";

/** Rows of one statement. */
export const ROWS_AT_ONCE = 25;

const ROW = `(${LEDGER_COLUMNS.map(() => "?").join(", ")})`;

/** Inserts rows within the transaction of the caller. Throws what SQLite throws. */
export function insertRows(database: Database, rows: readonly LedgerRow[]): void {
  let at = 0;
  for (const count of [ROWS_AT_ONCE, 1]) {
    if (rows.length - at < count) continue;
    const values = Array.from({ length: count }, () => ROW).join(", ");
    const insert = database.prepare<unknown[]>(
      `INSERT INTO requests (${LEDGER_COLUMNS.join(", ")}) VALUES ${values}`,
    );
    for (; rows.length - at >= count; at += count) {
      insert.run(rows.slice(at, at + count).flatMap(valuesOf));
    }
  }
}

function valuesOf(row: LedgerRow) {
  return LEDGER_COLUMNS.map((column) => row[column]);
}
