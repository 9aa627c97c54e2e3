// Grants on their way to another broker: out of use here from before they are sent, and not yet wiped, because
// nobody knows whether they arrived. A departing row is a tombstone that still holds its sealed grant.
// Refuses to let a grant go while it is being refreshed: the answer would be the only living token.

import { type Database } from "#platform";
import type { Credential } from "#wire";
import { ChangeLog } from "./change-log.ts";
import { openCredential } from "./credential-table.ts";
import type { Vault } from "./vault.ts";

/** The cause in the tombstone of a grant that is another broker's now. */
export const MIGRATED = "migrated";

/** A grant that was sent, or was about to be. */
export interface Departure {
  readonly id: number;
  readonly provider: string;
  readonly identityKey: string | null;
  readonly credential: Credential;
  /** Why the row is a tombstone: where the grant goes. */
  readonly cause: string;
}

interface DepartingRow extends Omit<Departure, "credential"> {
  readonly type: string;
  readonly slot: Uint8Array;
  readonly sealed: Uint8Array;
}

/** The departing grants of an open vault. Every change is one transaction. */
export class Departures {
  readonly #vault: Vault;
  readonly #database: Database;
  readonly #changes: ChangeLog;
  readonly #nowMs: () => number;

  constructor(vault: Vault, { nowMs = Date.now }: { nowMs?: (() => number) | undefined } = {}) {
    this.#vault = vault;
    this.#database = vault.file.database;
    this.#changes = new ChangeLog(vault.file.database);
    this.#nowMs = nowMs;
  }

  /** Every departing grant, oldest first. Throws SealBroken when a row is not what was written. */
  all(): Departure[] {
    const rows = this.#database
      .prepare<[], DepartingRow>(
        `SELECT id, provider, type, identity_key AS identityKey, slot, sealed, disabled_cause AS cause
         FROM credentials WHERE disabled_at_ms IS NOT NULL AND sealed IS NOT NULL ORDER BY ordinal, id`,
      )
      .all();
    return rows.map((row) => {
      const { id, provider, identityKey, cause } = row;
      return {
        id,
        provider,
        identityKey,
        cause,
        credential: openCredential(this.#vault.file, row),
      };
    });
  }

  /** Takes a grant out of use; from here on nothing refreshes it. `busy`: a refresh is not settled yet. */
  begin(id: number, cause: string): "departing" | "busy" | "gone" {
    return this.#vault.atomically(() => {
      const attempt = this.#database
        .prepare<[number]>("SELECT 1 FROM refresh_attempts WHERE credential_id = ?")
        .get(id);
      if (attempt !== undefined) return "busy";
      const { changes } = this.#database
        .prepare<[number, string, number]>(
          `UPDATE credentials SET disabled_at_ms = ?, disabled_cause = ?
           WHERE id = ? AND disabled_at_ms IS NULL`,
        )
        .run(this.#nowMs(), cause, id);
      if (changes === 0) return "gone";
      this.#record(id);
      return "departing";
    });
  }

  /** Wipes a grant that arrived. */
  finish(id: number, cause: string): void {
    this.#vault.atomically(() => this.#wipe(id, cause));
  }

  /** Takes a grant back that was certainly not stored there, unless its account has logged in again here since. */
  cancel(id: number): void {
    this.#vault.atomically(() => {
      const successor = this.#database
        .prepare<[number]>(
          `SELECT 1 FROM credentials AS active JOIN credentials AS departing USING (slot)
           WHERE departing.id = ? AND active.disabled_at_ms IS NULL`,
        )
        .get(id);
      if (successor !== undefined) return this.#wipe(id, "replaced by a newer login");
      this.#database
        .prepare<[number]>(
          `UPDATE credentials SET disabled_at_ms = NULL, disabled_cause = NULL
           WHERE id = ? AND disabled_at_ms IS NOT NULL AND sealed IS NOT NULL`,
        )
        .run(id);
      this.#record(id);
    });
  }

  /** True when the account or grant left this vault, or is leaving: another copy of it would be a second user. */
  hasLeft(provider: string, credential: Credential): boolean {
    const row = this.#vault.tombstoneOf(provider, credential);
    if (row === undefined) return false;
    return row.disabledCause === MIGRATED || this.all().some(({ id }) => id === row.id);
  }

  #wipe(id: number, cause: string): void {
    this.#database
      .prepare<[string, number]>(
        `UPDATE credentials SET sealed = NULL, disabled_cause = ?
         WHERE id = ? AND disabled_at_ms IS NOT NULL`,
      )
      .run(cause, id);
    this.#database.prepare<[number]>("DELETE FROM blocks WHERE credential_id = ?").run(id);
  }

  #record(id: number): void {
    const row = this.#database
      .prepare<[number], { provider: string }>("SELECT provider FROM credentials WHERE id = ?")
      .get(id);
    if (row) this.#changes.record(row.provider, id);
  }
}
