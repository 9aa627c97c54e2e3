// The tables of vault.db as numbered migrations. Nothing here may hold a secret in the clear:
// `sealed` is ciphertext, `slot` and `fingerprint` are keyed hashes, the rest is for listings.

import type { Migration } from "#platform";

/** All migrations, oldest first; a released one is never edited. */
export const VAULT_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        generation INTEGER NOT NULL,
        next_credential_id INTEGER NOT NULL,
        key_check BLOB NOT NULL
      ) STRICT;

      CREATE TABLE credentials (
        id INTEGER PRIMARY KEY,
        provider TEXT NOT NULL,
        type TEXT NOT NULL CHECK (type IN ('api_key', 'oauth')),
        identity_key TEXT,
        slot BLOB NOT NULL,
        fingerprint BLOB NOT NULL,
        sealed BLOB CHECK (sealed IS NOT NULL OR disabled_at_ms IS NOT NULL),
        created_at_ms INTEGER NOT NULL,
        updated_at_ms INTEGER NOT NULL,
        disabled_at_ms INTEGER,
        disabled_cause TEXT
      ) STRICT;

      CREATE UNIQUE INDEX credentials_active_slot ON credentials (slot)
        WHERE disabled_at_ms IS NULL;
    `,
  },
];
