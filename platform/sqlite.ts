// Opens a SQLite file the one safe way: private, write-ahead, durable as asked, migrated or untouched.
// Refuses a damaged file, a file others can read, and a schema written by a newer release.

import { closeSync, constants, existsSync, linkSync, lstatSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { ensurePrivateDirectory } from "./private-file.ts";

/** An open database; see better-sqlite3. */
export type Database = BetterSqlite3.Database;

/** One step of a schema; versions count up from 1 without gaps and are never edited once released. */
export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/** Waits this long for another process to finish writing. */
export const BUSY_TIMEOUT_MS = 5000;
/** The write-ahead log is cut back to this after a checkpoint. */
export const MAX_WAL_BYTES = 64 * 1024 * 1024;

/** Why a database could not be opened or written to. */
export type DatabaseErrorCode =
  | "not_a_database"
  | "corrupt"
  | "busy"
  | "disk_full"
  | "io_failed"
  | "cannot_open"
  | "insecure_permissions"
  | "schema_too_new"
  | "migration_failed"
  | "not_durable";

/** Opening or writing failed; nothing was changed unless the code says `migration_failed` for a later step. */
export class DatabaseError extends Error {
  readonly code: DatabaseErrorCode;
  readonly path: string;

  constructor(
    code: DatabaseErrorCode,
    path: string,
    problem: string,
    { cause }: { cause?: unknown } = {},
  ) {
    super(`${path}: ${problem}`, { cause });
    this.name = "DatabaseError";
    this.code = code;
    this.path = path;
  }
}

const IN_MEMORY = ":memory:";
const WAL_FORMAT_AT = 18;
const SYNCHRONOUS = { NORMAL: 1, FULL: 2 } as const;

/**
 * Opens (or creates, 0600 in a 0700 directory) a database and brings its schema up to date.
 * `synchronous: "FULL"` survives power loss, "NORMAL" may lose the last commits. `isChecked: false` is for files
 * that grow without end, as checking reads them whole: damage shows only where it is met. Throws DatabaseError.
 */
export function openDatabase(
  path: string,
  {
    migrations,
    synchronous,
    isChecked = true,
  }: {
    migrations: readonly Migration[];
    synchronous: "FULL" | "NORMAL";
    isChecked?: boolean;
  },
): Database {
  checkSequence(migrations);
  if (path !== IN_MEMORY) prepareFile(path, migrations);
  return opened(path, { readonly: false }, (database) => {
    if (isChecked) checkIntegrity(path, database);
    harden(database);
    migrate(path, database, migrations);
    setSynchronous(path, database, synchronous);
  });
}

/** Opens the bytes of a database (see `serialize()`) in memory; nothing is written anywhere. Throws DatabaseError. */
export function openDatabaseImage(bytes: Uint8Array): Database {
  const image = Buffer.from(bytes);
  // In memory there is no write-ahead log: the two format bytes must say so (SQLite file format §1.3.3).
  image.fill(1, WAL_FORMAT_AT, WAL_FORMAT_AT + 2);
  return openedAs(
    "the database image",
    () => new BetterSqlite3(image),
    (database) => {
      checkIntegrity("the database image", database);
      database.pragma("trusted_schema = OFF");
    },
  );
}

/**
 * Runs a change in one transaction, alone among the processes that write: all of it is in the file afterwards, or
 * nothing. Throws DatabaseError for what the disk or the file has to say, and whatever the change throws.
 */
export function writeDatabase<T>(database: Database, change: () => T): T {
  try {
    return database.transaction(change).immediate();
  } catch (error) {
    throw knownProblem(database.name, error) ?? error;
  }
}

/**
 * Moves what the write-ahead log holds into the file and empties the log: before the file is renamed, or so that
 * nothing overwritten stays in the two. Throws DatabaseError, `busy` when another process reads for too long.
 */
export function emptyLog(database: Database): void {
  try {
    const [result] = database.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[];
    if (result?.busy) throw new DatabaseError("busy", database.name, "another process is using it");
  } catch (error) {
    throw toDatabaseError(database.name, error);
  }
}

/** What SQLite threw while a file was taken into use, as DatabaseError; any other error as it is. */
export function asDatabaseError({ name }: Database, error: unknown): unknown {
  return error instanceof BetterSqlite3.SqliteError ? toDatabaseError(name, error) : error;
}

/** The number of the last migration applied; 0 for an empty database. */
export function schemaVersion(database: Database): number {
  return Number(database.pragma("user_version", { simple: true }));
}

function prepareFile(path: string, migrations: readonly Migration[]): void {
  ensurePrivateDirectory(dirname(path));
  if (!existsSync(path)) {
    createWhole(path);
    return;
  }
  refuseExposed(path);
  refuseEmptied(path);
  // A read-only look first: even closing a writable handle may checkpoint a newer release's log.
  opened(path, { readonly: true }, (database) => refuseNewer(path, database, migrations)).close();
}

// Made under another name, so that the file is never seen empty, not even after a crash: see refuseEmptied.
function createWhole(path: string): void {
  const temporary = `${path}.${crypto.randomUUID()}.new`;
  try {
    // SQLite would create it under the umask; its -wal and -shm files copy the mode of this one.
    closeSync(openSync(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600));
    opened(temporary, { readonly: false }, (database) => {
      database.pragma("journal_mode = WAL");
    }).close();
    linkSync(temporary, path);
  } catch (error) {
    // Another process was first; it made the file just so.
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return;
    const code = error instanceof DatabaseError ? error.code : "cannot_open";
    throw new DatabaseError(code, path, "the file cannot be created", { cause: error });
  } finally {
    for (const suffix of ["", "-journal", "-wal", "-shm"]) {
      rmSync(temporary + suffix, { force: true });
    }
  }
}

// SQLite takes a file of no or one byte for a new database. Ours are never that short, unless somebody cut them.
function refuseEmptied(path: string): void {
  if (lstatSync(path).size > 1) return;
  throw new DatabaseError("corrupt", path, "it is empty; move it aside and restore a backup");
}

function refuseExposed(path: string): void {
  const stat = lstatSync(path);
  if (!stat.isFile()) throw new DatabaseError("cannot_open", path, "it is not a regular file");
  if ((stat.mode & 0o077) === 0) return;
  const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
  throw new DatabaseError(
    "insecure_permissions",
    path,
    `its mode ${mode} lets other users in; run: chmod 600 '${path.replaceAll("'", String.raw`'\''`)}'`,
  );
}

function opened(
  path: string,
  { readonly }: { readonly: boolean },
  use: (database: Database) => void,
): Database {
  const open = () => new BetterSqlite3(path, { readonly, timeout: BUSY_TIMEOUT_MS });
  return openedAs(path, open, use);
}

function openedAs(path: string, open: () => Database, use: (database: Database) => void): Database {
  let database: Database | undefined;
  try {
    database = open();
    use(database);
    return database;
  } catch (error) {
    database?.close();
    throw toDatabaseError(path, error);
  }
}

function refuseNewer(path: string, database: Database, migrations: readonly Migration[]): void {
  const found = schemaVersion(database);
  if (found <= migrations.length) return;
  throw new DatabaseError(
    "schema_too_new",
    path,
    `its schema is version ${found}, this release knows up to ${migrations.length}. ` +
      "It was written by a newer release: upgrade, or use another directory.",
  );
}

function checkIntegrity(path: string, database: Database): void {
  const verdict = database.pragma("quick_check(1)", { simple: true });
  if (verdict === "ok") return;
  throw new DatabaseError(
    "corrupt",
    path,
    "its content is damaged; move it aside and restore a backup",
    { cause: new Error(String(verdict)) },
  );
}

function harden(database: Database): void {
  database.pragma("journal_mode = WAL");
  database.pragma(`journal_size_limit = ${MAX_WAL_BYTES}`);
  database.pragma("foreign_keys = ON");
  // Deleted secrets are overwritten, and a tampered schema cannot call functions with side effects.
  database.pragma("secure_delete = ON");
  database.pragma("trusted_schema = OFF");
}

function setSynchronous(path: string, database: Database, level: "FULL" | "NORMAL"): void {
  database.pragma(`synchronous = ${level}`);
  // On macOS fsync leaves data in the drive's cache; elsewhere this changes nothing.
  if (level === "FULL") database.pragma("fullfsync = ON");
  database.pragma("user_version", { simple: true });
  const inForce = database.pragma("synchronous", { simple: true });
  if (inForce === SYNCHRONOUS[level]) return;
  throw new DatabaseError(
    "not_durable",
    path,
    `asked for synchronous=${level}, SQLite reports ${String(inForce)}`,
  );
}

function migrate(path: string, database: Database, migrations: readonly Migration[]): void {
  for (const { version, sql } of migrations) {
    const apply = database.transaction(() => {
      // Read inside the transaction: another process may have just done this step.
      if (schemaVersion(database) >= version) return;
      database.exec(sql);
      database.pragma(`user_version = ${version}`);
    });
    try {
      apply.immediate();
    } catch (error) {
      const known = toDatabaseError(path, error);
      if (known.code !== "cannot_open") throw known;
      throw new DatabaseError("migration_failed", path, `migration ${version} failed`, {
        cause: error,
      });
    }
  }
  refuseNewer(path, database, migrations);
}

function checkSequence(migrations: readonly Migration[]): void {
  for (const [index, { version }] of migrations.entries()) {
    if (version === index + 1) continue;
    throw new TypeError(`migration ${index + 1} of the list is numbered ${version}`);
  }
}

const SQLITE_PROBLEMS: readonly (readonly [RegExp, DatabaseErrorCode, string])[] = [
  [/^SQLITE_NOTADB/, "not_a_database", "it is not a SQLite database; move it aside"],
  [/^SQLITE_CORRUPT/, "corrupt", "its content is damaged; move it aside and restore a backup"],
  [/^SQLITE_(?:BUSY|LOCKED)/, "busy", "another process is writing to it; try again"],
  [/^SQLITE_FULL/, "disk_full", "the disk is full, nothing was changed; make room and try again"],
  [/^SQLITE_IOERR/, "io_failed", "the disk cannot be read or written, nothing was changed"],
];

function toDatabaseError(path: string, error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const known = knownProblem(path, error);
  if (known) return known;
  return new DatabaseError("cannot_open", path, "it cannot be used", { cause: error });
}

function knownProblem(path: string, error: unknown): DatabaseError | undefined {
  if (!(error instanceof BetterSqlite3.SqliteError)) return undefined;
  const found = SQLITE_PROBLEMS.find(([pattern]) => pattern.test(error.code));
  return found && new DatabaseError(found[1], path, found[2], { cause: error });
}
