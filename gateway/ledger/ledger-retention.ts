// Lets rows of the ledger go when they are old enough: a few at a time, with pauses, so that no request waits for it.
// What each key has spent by day is a table of its own and stays: budgets never depend on how long rows are kept.

import { type Database, type Logger, writeDatabase } from "#platform";

/** Shortest time rows are kept, in days: requests per day are counted from those of the last one. */
export const MIN_LEDGER_DAYS = 2;
/** Rows that go at once: a millisecond or two, in which nothing else is written. */
export const SWEEP_ROWS = 100;
/** Between two batches, in ms. */
export const SWEEP_PAUSE_MS = 100;
/** Between two sweeps, in ms; the first is a minute after the start. */
export const SWEEP_EVERY_MS = 3_600_000;

const FIRST_SWEEP_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
const DELETE = `DELETE FROM requests WHERE id IN
  (SELECT id FROM requests WHERE at_ms < ? ORDER BY at_ms LIMIT ?)`;

/** What a retention goes by. */
export interface RetentionOptions {
  /** Days that rows are kept; at least MIN_LEDGER_DAYS. */
  readonly days: number;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** Sweeps one ledger, from start() to stop(). */
export class LedgerRetention {
  readonly #database: Database;
  readonly #options: RetentionOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(database: Database, options: RetentionOptions) {
    this.#database = database;
    this.#options = options;
  }

  /** Begins; the process may end meanwhile. */
  start(): void {
    this.#sweepIn(FIRST_SWEEP_MS);
  }

  /** Ends; call it before the file is closed. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Deletes the oldest of the rows that are too old, and says how many. Throws DatabaseError. */
  sweep(): number {
    const { days, nowMs } = this.#options;
    const before = Math.floor(nowMs() - Math.max(days, MIN_LEDGER_DAYS) * DAY_MS);
    return writeDatabase(this.#database, () => {
      return this.#database.prepare<[number, number]>(DELETE).run(before, SWEEP_ROWS).changes;
    });
  }

  #sweepIn(delayMs: number): void {
    this.#timer = setTimeout(() => this.#sweepIn(this.#sweepOnce()), delayMs).unref();
  }

  /** Returns when to go on, in ms. */
  #sweepOnce(): number {
    try {
      return this.sweep() < SWEEP_ROWS ? SWEEP_EVERY_MS : SWEEP_PAUSE_MS;
    } catch (error) {
      this.#options.log.warn("old rows of the ledger cannot be deleted; it is tried again", {
        error,
      });
      return SWEEP_EVERY_MS;
    }
  }
}
