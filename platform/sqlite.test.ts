// Opening databases: private, durable, migrated once; damaged or newer files are left alone.

import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseError, type Migration, openDatabase, schemaVersion } from "./sqlite.ts";

const ONE: Migration = { version: 1, sql: "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)" };
const TWO: Migration = { version: 2, sql: "ALTER TABLE item ADD COLUMN size INTEGER" };

const directories: string[] = [];

function temporaryPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "sqlite-"));
  directories.push(directory);
  return join(directory, "home", "data.db");
}

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function open(path: string, migrations: readonly Migration[] = [ONE]) {
  return openDatabase(path, { migrations, synchronous: "FULL" });
}

function refusal(action: () => unknown): DatabaseError {
  try {
    action();
  } catch (error) {
    if (error instanceof DatabaseError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a new database", () => {
  test("is a private file in a private directory, write-ahead files included", () => {
    const path = temporaryPath();
    const database = open(path);
    database.exec("INSERT INTO item (name) VALUES ('a')");
    for (const suffix of ["", "-wal", "-shm"]) {
      expect(statSync(path + suffix).mode & 0o777).toBe(0o600);
    }
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
    database.close();
  });

  for (const [synchronous, number] of [
    ["FULL", 2],
    ["NORMAL", 1],
  ] as const) {
    test(`has synchronous=${synchronous} in force, and the safe settings`, () => {
      const database = openDatabase(temporaryPath(), { migrations: [ONE], synchronous });
      database.exec("INSERT INTO item (name) VALUES ('a')");
      const setting = (name: string) => database.pragma(name, { simple: true });
      expect(setting("synchronous")).toBe(number);
      expect(setting("journal_mode")).toBe("wal");
      expect(setting("foreign_keys")).toBe(1);
      expect(setting("secure_delete")).toBe(1);
      expect(setting("trusted_schema")).toBe(0);
      expect(setting("busy_timeout")).toBe(5000);
      database.close();
    });
  }

  test("in memory needs no file", () => {
    const database = open(":memory:");
    expect(schemaVersion(database)).toBe(1);
    expect(existsSync(":memory:")).toBe(false);
  });
});

describe("migrations", () => {
  test("run once each, in order, and keep what is stored", () => {
    const path = temporaryPath();
    const first = open(path);
    first.exec("INSERT INTO item (name) VALUES ('kept')");
    first.close();
    const second = open(path, [ONE, TWO]);
    expect(schemaVersion(second)).toBe(2);
    expect(second.prepare("SELECT name, size FROM item").all()).toEqual([
      { name: "kept", size: null },
    ]);
    second.close();
    open(path, [ONE, TWO]).close();
  });

  test("that fail leave the schema at the step before, whole", () => {
    const path = temporaryPath();
    const broken = { version: 2, sql: "CREATE TABLE extra (id INTEGER); SELECT nonsense" };
    const error = refusal(() => open(path, [ONE, broken]));
    expect(error.code).toBe("migration_failed");
    expect(error.cause).toBeInstanceOf(Error);
    const database = open(path);
    expect(schemaVersion(database)).toBe(1);
    expect(database.prepare("SELECT name FROM sqlite_schema WHERE name = 'extra'").all()).toEqual(
      [],
    );
    database.close();
  });

  test("with a gap in their numbers are a mistake of the programmer", () => {
    expect(() => open(":memory:", [TWO])).toThrow(TypeError);
  });

  test("of a newer release are refused, and the file stays byte-equal", () => {
    const path = temporaryPath();
    open(path, [ONE, TWO]).close();
    const before = readFileSync(path);
    const error = refusal(() => open(path, [ONE]));
    expect(error.code).toBe("schema_too_new");
    expect(error.message).toContain("version 2");
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

describe("a file that cannot be trusted", () => {
  test("is no database: refused, untouched", () => {
    const path = temporaryPath();
    open(path).close();
    writeFileSync(path, "not a database at all, though it is long enough".repeat(50));
    const before = readFileSync(path);
    expect(refusal(() => open(path)).code).toBe("not_a_database");
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("is damaged inside: refused", () => {
    const path = temporaryPath();
    const database = open(path);
    const insert = database.prepare("INSERT INTO item (name) VALUES (?)");
    for (let row = 0; row < 500; row++) insert.run("x".repeat(100));
    database.close();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xa5, 8192, 16_384));
    expect(refusal(() => open(path)).code).toBe("corrupt");
  });

  test("is damaged inside, but asked not to be read whole: shows where it is met", () => {
    const path = temporaryPath();
    const options = { migrations: [ONE], synchronous: "FULL", isChecked: false } as const;
    const database = openDatabase(path, options);
    const insert = database.prepare("INSERT INTO item (name) VALUES (?)");
    for (let row = 0; row < 500; row++) insert.run("x".repeat(100));
    database.close();
    writeFileSync(path, readFileSync(path).fill(0xa5, 8192, 16_384));
    const damaged = openDatabase(path, options);
    expect(() => damaged.prepare("SELECT count(name) FROM item").get()).toThrow("malformed");
    damaged.close();
  });

  test("is readable by others: refused with the command that fixes it", () => {
    const path = temporaryPath();
    open(path).close();
    chmodSync(path, 0o644);
    const error = refusal(() => open(path));
    expect(error.code).toBe("insecure_permissions");
    expect(error.message).toContain(`chmod 600 '${path}'`);
  });

  test("is a directory: refused", () => {
    const path = temporaryPath();
    mkdirSync(path, { recursive: true });
    expect(refusal(() => open(path)).code).toBe("cannot_open");
  });
});
