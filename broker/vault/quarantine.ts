// Whether anything may be refreshed: a vault that was restored from a backup may hold refresh tokens that were used
// since, and using one again would make the provider revoke the live grant.

import { type Database, writeDatabase } from "#platform";

/** The mark in an open vault file. */
export class Quarantine {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Since when, in ms since the epoch; null when refreshes are permitted. */
  get sinceMs(): number | null {
    const row = this.#database
      .prepare<[], { atMs: number | null }>("SELECT quarantined_at_ms AS atMs FROM meta")
      .get();
    return row?.atMs ?? null;
  }

  /** Forbids every refresh. */
  begin(nowMs: number): void {
    const update = this.#database.prepare("UPDATE meta SET quarantined_at_ms = ?");
    writeDatabase(this.#database, () => update.run(nowMs));
  }

  /** Permits them again; false when they were permitted. */
  end(): boolean {
    const update = this.#database.prepare(
      "UPDATE meta SET quarantined_at_ms = NULL WHERE quarantined_at_ms IS NOT NULL",
    );
    return writeDatabase(this.#database, () => update.run().changes > 0);
  }
}
