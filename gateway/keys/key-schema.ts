// The tables of gateway.db as numbered migrations: keys, and what lets a browser look at /dash.

import type { Migration } from "#platform";

/** All migrations, oldest first; a released one is never edited. */
export const KEY_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE virtual_keys (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        owner TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        rules TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        valid_from_ms INTEGER,
        valid_until_ms INTEGER,
        rotated_at_ms INTEGER,
        revoked_at_ms INTEGER
      ) STRICT;

      CREATE UNIQUE INDEX virtual_keys_living_name ON virtual_keys (name) WHERE revoked_at_ms IS NULL;
    `,
  },
  {
    version: 2,
    sql: `
      CREATE TABLE dash_passes (
        hash BLOB PRIMARY KEY,
        expires_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
