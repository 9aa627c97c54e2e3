// Refresh tokens that were used here, as keyed hashes: using one again would make its provider revoke the grant
// that came of it, so an old copy is recognised and not stored.

import type { Database } from "#platform";
import type { IndexKey } from "./seal.ts";

/** The used tokens in an open vault file; callers hold the transactions. */
export class SpentTokens {
  readonly #database: Database;
  readonly #index: IndexKey;

  constructor({ database, index }: { database: Database; index: IndexKey }) {
    this.#database = database;
    this.#index = index;
  }

  /** Remembers that a credential's token was used. */
  spend(id: number, refresh: string): void {
    this.#database
      .prepare("INSERT OR IGNORE INTO spent_refresh_tokens (tag, credential_id) VALUES (?, ?)")
      .run(this.#index.fingerprint(refresh), id);
  }

  /** The credential whose token this was; undefined for one that was never used here. */
  spentBy(refresh: string): number | undefined {
    return this.#database
      .prepare<[Uint8Array], { id: number }>(
        "SELECT credential_id AS id FROM spent_refresh_tokens WHERE tag = ?",
      )
      .get(this.#index.fingerprint(refresh))?.id;
  }
}
