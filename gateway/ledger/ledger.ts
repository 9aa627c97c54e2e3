// Writes what requests used, off the way of the requests: rows wait in memory and go to disk together, so a request
// never waits for the disk. A process that is killed loses what waited, FLUSH_EVERY_MS at most. Refuses to grow
// without end while the disk does not take anything: the oldest rows go, what keys have spent stays.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Database, type Logger, openDatabase, writeDatabase } from "#platform";
import { dayOf } from "../keys/budget-window.ts";
import type { KeyHistory } from "../keys/key-accounts.ts";
import type { Settlement } from "../pipeline/settlement.ts";
import type { PriceOf } from "../pricing/prices.ts";
import { type LedgerRow, ledgerRow } from "./ledger-row.ts";
import { LEDGER_MIGRATIONS } from "./ledger-schema.ts";
import { insertRows } from "./row-insert.ts";

/** One transaction in this time at most, in ms. */
export const FLUSH_EVERY_MS = 200;
/** Most rows that wait for the disk. */
export const MAX_WAITING_ROWS = 20_000;

const DAY_MS = 24 * 3_600_000;
const QUARTER_MS = 15 * 60_000;

/** File that holds the ledger of a home. */
function ledgerPath(home: string): string {
  return join(home, "ledger.db");
}

/** Opens ledger.db where there is one: looking must not make it. Throws DatabaseError. */
export function openLedgerIfAny(home: string): Database | undefined {
  return existsSync(ledgerPath(home)) ? openLedgerDatabase(home) : undefined;
}

function openLedgerDatabase(home: string): Database {
  // Checking would read a file that grows without end.
  const options = {
    migrations: LEDGER_MIGRATIONS,
    synchronous: "NORMAL",
    isChecked: false,
  } as const;
  return openDatabase(ledgerPath(home), options);
}

const SPEND = `INSERT INTO key_spending (key_id, day, nano_usd) VALUES (?, ?, ?)
  ON CONFLICT (key_id, day) DO UPDATE SET nano_usd = nano_usd + excluded.nano_usd`;

/** What a ledger is opened with. */
export interface LedgerParts {
  readonly priceOf: PriceOf;
  readonly log: Logger;
  readonly nowMs?: () => number;
}

/** The ledger of a running gateway. */
export class Ledger {
  readonly database: Database;
  readonly #parts: LedgerParts;
  readonly #nowMs: () => number;
  #waiting: (Settlement | LedgerRow)[] = [];
  #dropped = 0;
  readonly #spent = new Map<string, Map<number, number>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(home: string, parts: LedgerParts) {
    this.database = openLedgerDatabase(home);
    this.#parts = parts;
    this.#nowMs = parts.nowMs ?? Date.now;
  }

  /** Takes down a settled request, or the row that another process has made of one. */
  record(settlement: Settlement | LedgerRow): void {
    if (this.#waiting.length >= MAX_WAITING_ROWS) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    this.#waiting.push(settlement);
    this.#flushSoon();
  }

  /** Takes down what a key has spent, in nano-USD. */
  book(keyId: string, nanoUsd: number, atMs: number): void {
    const days = this.#spent.get(keyId) ?? new Map<number, number>();
    const day = dayOf(atMs);
    days.set(day, (days.get(day) ?? 0) + nanoUsd);
    this.#spent.set(keyId, days);
    this.#flushSoon();
  }

  /** What is on disk of a key. */
  historyOf(keyId: string): KeyHistory {
    const spent = this.database
      .prepare<[string], { day: number; nanoUsd: number }>(
        "SELECT day, nano_usd AS nanoUsd FROM key_spending WHERE key_id = ?",
      )
      .all(keyId);
    // A request that named no upstream was not let in, and did not count.
    const requests = this.database
      .prepare<[number, number, string, number], { atMs: number; count: number }>(
        `SELECT at_ms / ? * ? AS atMs, count(*) AS count FROM requests
         WHERE key_id = ? AND at_ms > ? AND provider IS NOT NULL GROUP BY 1 ORDER BY 1`,
      )
      .all(QUARTER_MS, QUARTER_MS, keyId, this.#nowMs() - DAY_MS);
    return { spentByDay: new Map(spent.map(({ day, nanoUsd }) => [day, nanoUsd])), requests };
  }

  /** Writes all that waits. Throws nothing: what the disk does not take waits on. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0 && this.#spent.size === 0) return;
    try {
      writeDatabase(this.database, () => this.#write());
    } catch (error) {
      this.#parts.log.warn("the ledger cannot be written; it is tried again", {
        error,
        waiting: this.#waiting.length,
      });
      this.#flushSoon();
      return;
    }
    this.#waiting = [];
    this.#spent.clear();
    if (this.#dropped > 0) {
      this.#parts.log.error("rows of the ledger are lost: the disk was too slow", {
        rows: this.#dropped,
      });
    }
    this.#dropped = 0;
  }

  /** Writes what waits and closes the file. */
  close(): void {
    this.#isClosed = true;
    this.flush();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.database.close();
  }

  #write(): void {
    const rows = this.#waiting.map((one) =>
      "request_id" in one ? one : ledgerRow(one, this.#parts.priceOf),
    );
    insertRows(this.database, rows);
    const spend = this.database.prepare(SPEND);
    for (const [keyId, days] of this.#spent) {
      for (const [day, nanoUsd] of days) spend.run(keyId, day, nanoUsd);
    }
  }

  #flushSoon(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_EVERY_MS).unref();
  }
}
