// The tables of ledger.db as numbered migrations: one row for each settled request, and what each key has spent by
// day, which stays when old rows go.

import type { Migration } from "#platform";

/** All migrations, oldest first; a released one is never edited. */
export const LEDGER_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE requests (
        id INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        key_id TEXT NOT NULL,
        key_name TEXT NOT NULL,
        format TEXT NOT NULL,
        upstream_format TEXT,
        provider TEXT,
        model TEXT,
        credential_id INTEGER,
        key_source TEXT,
        outcome TEXT NOT NULL,
        status INTEGER NOT NULL,
        code TEXT,
        is_stream INTEGER NOT NULL,
        input INTEGER,
        cache_read INTEGER,
        cache_write INTEGER,
        cache_write_1h INTEGER,
        output INTEGER,
        reasoning INTEGER,
        is_estimated INTEGER NOT NULL,
        cost_nano_usd INTEGER,
        first_byte_ms INTEGER,
        elapsed_ms INTEGER NOT NULL
      ) STRICT;

      CREATE INDEX requests_by_time ON requests (at_ms);
      CREATE INDEX requests_by_key ON requests (key_id, at_ms);

      CREATE TABLE key_spending (
        key_id TEXT NOT NULL,
        day INTEGER NOT NULL,
        nano_usd INTEGER NOT NULL,
        PRIMARY KEY (key_id, day)
      ) STRICT, WITHOUT ROWID;
    `,
  },
  { version: 2, sql: "ALTER TABLE requests ADD COLUMN service_tier TEXT" },
];
