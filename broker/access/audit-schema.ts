// The table of audit.db as numbered migrations. The triggers are a belt: they stop mistakes and our own code, while
// the hash chain shows what somebody with the file in his hands has done.

import type { Migration } from "#platform";

/** All migrations, oldest first; a released one is never edited. */
export const AUDIT_MIGRATIONS: readonly Migration[] = [
  {
    // WITHOUT ROWID: beside a rowid every row keeps a byte that means nothing, and could be changed unseen.
    version: 1,
    sql: `
      CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL,
        request_id TEXT NOT NULL,
        hash BLOB NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
      CREATE TRIGGER audit_keeps_content BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
      CREATE TRIGGER audit_keeps_order BEFORE INSERT ON audit
        WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    `,
  },
];
