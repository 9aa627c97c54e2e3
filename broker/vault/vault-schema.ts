// The tables of vault.db as numbered migrations. Nothing here may hold a secret in the clear: `sealed` and
// `index_key` are ciphertext, `slot`, `hash` and every `tag` are keyed or plain hashes, the rest is for listings.

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
  {
    // What changed, in order, so that a reader can resume; counted per provider, so that whoever sees one
    // provider cannot tell from the numbers what happens at another.
    version: 2,
    sql: `
      ALTER TABLE meta DROP COLUMN next_credential_id;
      ALTER TABLE meta ADD COLUMN index_key BLOB;
      ALTER TABLE meta ADD COLUMN key_term INTEGER NOT NULL DEFAULT 1;
      ALTER TABLE meta ADD COLUMN quarantined_at_ms INTEGER;
      -- Ids are random from here on; this keeps the order in which credentials came.
      ALTER TABLE credentials ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 0;

      CREATE TABLE changes (
        generation INTEGER PRIMARY KEY,
        provider TEXT NOT NULL,
        credential_id INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX changes_by_provider ON changes (provider, generation);

      CREATE TABLE provider_changes (
        provider TEXT PRIMARY KEY,
        count INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE spent_refresh_tokens (
        tag BLOB PRIMARY KEY,
        credential_id INTEGER NOT NULL REFERENCES credentials (id)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE blocks (
        credential_id INTEGER NOT NULL REFERENCES credentials (id),
        provider_key TEXT NOT NULL,
        block_scope TEXT NOT NULL,
        blocked_until_ms INTEGER NOT NULL,
        PRIMARY KEY (credential_id, provider_key, block_scope)
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    // At most one exchange per credential: the row is the lease, and the intent that survives a crash.
    version: 3,
    sql: `
      CREATE TABLE refresh_attempts (
        credential_id INTEGER PRIMARY KEY REFERENCES credentials (id),
        attempt_id TEXT NOT NULL UNIQUE,
        fence INTEGER NOT NULL,
        owner TEXT NOT NULL,
        used_tag BLOB NOT NULL,
        is_retry INTEGER NOT NULL,
        started_at_ms INTEGER NOT NULL,
        lease_until_ms INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE refresh_health (
        credential_id INTEGER PRIMARY KEY REFERENCES credentials (id),
        fence INTEGER NOT NULL,
        tag BLOB,
        failures INTEGER NOT NULL DEFAULT 0,
        retry_at_ms INTEGER,
        last_error TEXT,
        is_lost INTEGER NOT NULL DEFAULT 0,
        last_success_at_ms INTEGER
      ) STRICT;
    `,
  },
  {
    version: 4,
    sql: `
      CREATE TABLE client_tokens (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        permissions TEXT NOT NULL,
        providers TEXT NOT NULL,
        is_lease_only INTEGER NOT NULL,
        created_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER,
        last_used_at_ms INTEGER,
        revoked_at_ms INTEGER,
        tag BLOB NOT NULL
      ) STRICT;

      CREATE UNIQUE INDEX client_tokens_living_name ON client_tokens (name)
        WHERE revoked_at_ms IS NULL;
    `,
  },
  {
    version: 5,
    sql: `
      CREATE TABLE usage_reports (
        credential_id INTEGER PRIMARY KEY REFERENCES credentials (id),
        known TEXT,
        polled_at_ms INTEGER,
        next_poll_at_ms INTEGER NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        last_error TEXT
      ) STRICT;

      CREATE TABLE usage_history (
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        provider TEXT NOT NULL,
        credential_id INTEGER NOT NULL,
        account TEXT NOT NULL,
        limits TEXT NOT NULL
      ) STRICT;
      CREATE INDEX usage_history_by_time ON usage_history (at_ms);
      CREATE INDEX usage_history_by_credential ON usage_history (credential_id, id);

      -- Who was seen when, per provider: whoever sees one provider must not learn when another was used.
      CREATE TABLE usage_clients (
        install_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        app TEXT NOT NULL,
        hostname TEXT,
        first_seen_ms INTEGER NOT NULL,
        last_seen_ms INTEGER NOT NULL,
        PRIMARY KEY (install_id, provider, app)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE usage_observed (
        install_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        app TEXT NOT NULL,
        hour_ms INTEGER NOT NULL,
        model TEXT NOT NULL,
        requests INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        cache_read_tokens INTEGER NOT NULL,
        cache_write_tokens INTEGER NOT NULL,
        cost_usd REAL NOT NULL,
        PRIMARY KEY (install_id, provider, app, hour_ms, model)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX usage_observed_by_time ON usage_observed (hour_ms);
    `,
  },
  {
    // What a row held was compared by this hash, which nothing vouched for; the sealed value itself is compared now.
    version: 6,
    sql: "ALTER TABLE credentials DROP COLUMN fingerprint",
  },
];
