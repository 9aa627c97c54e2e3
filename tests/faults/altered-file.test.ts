// A vault file that was altered, cut or swapped in parts gives the right content or a typed refusal, and what was
// refused stays byte for byte what it was.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import BetterSqlite3 from "better-sqlite3";
import * as fc from "fast-check";
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseError, environment } from "#platform";
import { BrokerError } from "../../broker/errors.ts";
import { actions, CANARY, homeOf, withVault } from "./actions.ts";

const RUNS = environment().PARLEY_FAULTS === "all" ? 20_000 : 600;

let folder: string;
let template: string;
let pristine: Buffer;
let content: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-altered-"));
  template = join(folder, "template");
  actions.upsert.prepare(template);
  withVault(template, (vault) => {
    for (let each = 0; each < 5; each++) {
      vault.upsert("mistral", { type: "api_key", key: `${CANARY}-${each}` });
    }
  });
  pristine = readFileSync(fileOf(template));
  content = credentialsOf(template);
});
afterAll(() => rmSync(folder, { recursive: true }));

const fileOf = (root: string) => join(homeOf(root), "vault.db");

function credentialsOf(root: string): string {
  return withVault(root, (vault) =>
    JSON.stringify(
      vault.read().credentials.map(({ id, provider, identityKey, credential }) => {
        return { id, provider, identityKey, credential };
      }),
    ),
  );
}

/** The code of the refusal; undefined when the content is right. Anything else throws. */
function refusalOf(root: string): string | undefined {
  const before = readFileSync(fileOf(root));
  try {
    expect(credentialsOf(root)).toBe(content);
    return undefined;
  } catch (error) {
    if (!(error instanceof BrokerError) && !(error instanceof DatabaseError)) throw error;
    expect(`${error.message}`).not.toContain(CANARY);
    expect(readFileSync(fileOf(root)).equals(before)).toBe(true);
    return error.code;
  }
}

function withCopy<T>(use: (root: string) => T): T {
  const root = mkdtempSync(join(folder, "copy-"));
  try {
    cpSync(template, root, { recursive: true });
    return use(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Runs SQL on the file behind the vault's back, as a thief with write access would. */
function tamper(root: string, sql: string): void {
  const database = new BetterSqlite3(fileOf(root));
  database.pragma("journal_mode = DELETE");
  database.exec(sql);
  database.pragma("journal_mode = WAL");
  database.close();
}

describe("an altered column", () => {
  const last = "(SELECT max(rowid) FROM credentials WHERE disabled_at_ms IS NULL)";
  const refused = {
    id: "id + 1",
    provider: "'openrouter'",
    type: "CASE type WHEN 'oauth' THEN 'api_key' ELSE 'oauth' END",
    identity_key: "'email:thief@example.test'",
    slot: "randomblob(32)",
    sealed:
      "substr(sealed, 1, length(sealed) - 1) || CASE substr(sealed, -1) WHEN x'00' THEN x'01' ELSE x'00' END",
  };
  /** What no key vouches for: order and times, and that a row is gone. */
  const listing = ["ordinal", "created_at_ms", "updated_at_ms", "disabled_at_ms", "disabled_cause"];

  test.each(Object.entries(refused))("%s is refused", (column, value) => {
    withCopy((root) => {
      const cast = column === "sealed" ? `CAST(${value} AS BLOB)` : value;
      tamper(root, `UPDATE credentials SET ${column} = ${cast} WHERE id = ${last}`);
      expect(refusalOf(root)).toBe("seal_broken");
    });
  });

  test("is one of these, or only orders and dates the listing", () => {
    const database = new BetterSqlite3(fileOf(template), { readonly: true });
    const columns = database.prepare("SELECT name FROM pragma_table_info('credentials')").pluck();
    expect(columns.all().toSorted()).toEqual([...Object.keys(refused), ...listing].toSorted());
    database.close();
  });

  test.each(["key_check", "index_key"])("of the vault's own keys, %s, is refused", (column) => {
    withCopy((root) => {
      tamper(root, `UPDATE meta SET ${column} = CAST(substr(${column}, 1, 40) AS BLOB)`);
      expect(refusalOf(root)).toMatch(/^(seal_broken|vault_wrong_key)$/);
    });
  });
});

test("a tombstone that says no cause is refused", () => {
  withCopy((root) => {
    tamper(root, "UPDATE credentials SET disabled_at_ms = 0 WHERE type = 'oauth'");
    expect(refusalOf(root)).toBe("seal_broken");
  });
});

test.each(["sealed", "slot"])("two rows with %s swapped are refused", (column) => {
  withCopy((root) => {
    const at = (edge: string) =>
      `SELECT ${edge}(id) FROM credentials WHERE type = 'api_key' AND disabled_at_ms IS NULL`;
    const [a, b] = [at("min"), at("max")] as const;
    const value = (of: string) => `(SELECT ${column} FROM swapped WHERE id = (${of}))`;
    tamper(
      root,
      `CREATE TEMP TABLE swapped AS SELECT * FROM credentials;
       UPDATE credentials SET ${column} = randomblob(32) WHERE id IN ((${a}), (${b}));
       UPDATE credentials SET ${column} = ${value(b)} WHERE id = (${a});
       UPDATE credentials SET ${column} = ${value(a)} WHERE id = (${b});`,
    );
    expect(refusalOf(root)).toBe("seal_broken");
  });
});

test("another key is refused", () => {
  withCopy((root) => {
    const key = Buffer.alloc(32, 7).toString("base64url");
    writeFileSync(join(homeOf(root), "vault.key"), `${key}\n`);
    expect(refusalOf(root)).toBe("vault_wrong_key");
  });
});

test("a schema of a newer release is refused", () => {
  withCopy((root) => {
    tamper(root, "PRAGMA user_version = 4711");
    expect(refusalOf(root)).toBe("schema_too_new");
  });
});

test("a file cut at any length is refused, or lost no credential", () => {
  withCopy((root) => {
    const lengths = fc.integer({ min: 0, max: pristine.length - 1 });
    fc.assert(
      fc.property(lengths, (length) => {
        writeFileSync(fileOf(root), pristine);
        truncateSync(fileOf(root), length);
        refusalOf(root);
        removeLog(root);
      }),
      { numRuns: RUNS / 10, examples: [[0], [1], [16], [100], [512], [4096], [8192], [12_288]] },
    );
  });
});

test("a flipped bit anywhere in the file is refused, or changes no credential", () => {
  withCopy((root) => {
    const places = fc.tuple(
      fc.integer({ min: 0, max: pristine.length - 1 }),
      fc.integer({ min: 0, max: 7 }),
    );
    fc.assert(
      fc.property(places, ([offset, bit]) => {
        const bytes = Buffer.from(pristine);
        bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset);
        writeFileSync(fileOf(root), bytes);
        refusalOf(root);
        removeLog(root);
      }),
      { numRuns: RUNS },
    );
  });
});

function removeLog(root: string): void {
  for (const suffix of ["-wal", "-shm"]) rmSync(fileOf(root) + suffix, { force: true });
}
