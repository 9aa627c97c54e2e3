// Cool-downs that clients share: until when a credential is left alone, for one key of theirs, e.g. a model.

import type { Database } from "#platform";

/** A time until which clients leave a credential alone. */
export interface Block {
  readonly providerKey: string;
  readonly blockScope: string;
  readonly blockedUntilMs: number;
}

/** The blocks in an open vault file; callers hold the transactions. */
export class BlockTable {
  readonly #database: Database;
  readonly #select;

  constructor(database: Database) {
    this.#database = database;
    this.#select = database.prepare<[number], Block>(
      `SELECT provider_key AS providerKey, block_scope AS blockScope, blocked_until_ms AS blockedUntilMs
       FROM blocks WHERE credential_id = ? ORDER BY provider_key, block_scope`,
    );
  }

  /** Those of one credential, past ones included until the next is set. */
  of(id: number): Block[] {
    return this.#select.all(id);
  }

  /** Sets one and forgets what is past; false when it was set so already. */
  set(id: number, { providerKey, blockScope, blockedUntilMs }: Block, nowMs: number): boolean {
    this.#database
      .prepare("DELETE FROM blocks WHERE credential_id = ? AND blocked_until_ms <= ?")
      .run(id, nowMs);
    const { changes } = this.#database
      .prepare(
        `INSERT INTO blocks VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET blocked_until_ms = excluded.blocked_until_ms
           WHERE blocked_until_ms <> excluded.blocked_until_ms`,
      )
      .run(id, providerKey, blockScope, blockedUntilMs);
    return changes > 0;
  }

  /** Lifts every one of a credential; false when there was none. */
  clear(id: number): boolean {
    const { changes } = this.#database
      .prepare("DELETE FROM blocks WHERE credential_id = ?")
      .run(id);
    return changes > 0;
  }
}
