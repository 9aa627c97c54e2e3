// The vault keeps what it acknowledged, shows no secret on disk, and refuses an altered file whole.

import { afterEach, describe, expect, test } from "bun:test";
import BetterSqlite3 from "better-sqlite3";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Credential, parseJson } from "#wire";
import { MasterKeyError, SealBroken } from "../errors.ts";
import { Vault } from "./vault.ts";

const CANARY = "canary-7f3a9d5e";
const homes: string[] = [];
const vaults: Vault[] = [];

function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), "parley-vault-"));
  homes.push(home);
  return home;
}

function open(home: string, nowMs = () => 1_000): Vault {
  const vault = Vault.open(home, { nowMs });
  vaults.push(vault);
  return vault;
}

const apiKey = (key: string): Credential => ({ type: "api_key", key });
const grant = (extra: Partial<Record<string, string | number>> = {}): Credential => ({
  type: "oauth",
  refresh: "refresh-1",
  access: "access-1",
  expires: 5_000,
  email: "a@example.test",
  ...extra,
});

/** Runs SQL on the file behind the vault's back, as a thief with write access would. */
function tamper(home: string, sql: string): void {
  const db = new BetterSqlite3(join(home, "vault.db"));
  db.exec(sql);
  db.close();
}

afterEach(() => {
  for (const vault of vaults.splice(0)) vault.close();
  for (const home of homes.splice(0)) rmSync(home, { recursive: true });
});

describe("storing", () => {
  test("a new vault is empty, at generation 1, and private", () => {
    const home = temporaryHome();
    expect(open(home).read()).toEqual({ generation: 1, credentials: [] });
    expect(statSync(join(home, "vault.db")).mode & 0o777).toBe(0o600);
  });

  test("a credential survives closing and opening, extra keys included", () => {
    const home = temporaryHome();
    const credential = grant({ tokenUrl: "https://idp.test" });
    const vault = Vault.open(home);
    const { id } = vault.upsert("mcp", credential);
    vault.close();
    const identityKey = "email:a@example.test";
    expect(open(home).read().credentials).toEqual([
      { id, provider: "mcp", identityKey, credential, createdAtMs: expect.any(Number), blocks: [] },
    ]);
  });

  test("an extra integer beyond 2^53 keeps its digits", () => {
    const home = temporaryHome();
    const text =
      '{"type":"oauth","refresh":"r","access":"a","expires":1,"tenant":98765432109876543210}';
    open(home).upsert("mcp", Credential.parse(parseJson(text)));
    expect(JSON.stringify(open(home).read().credentials[0]?.credential)).toBe(text);
  });

  test("an identical upload changes nothing, whatever the order of its keys", () => {
    const vault = open(temporaryHome());
    const key = vault.upsert("openai", apiKey("k-1"));
    const account = vault.upsert("anthropic", grant());
    const generation = vault.generation;
    expect(vault.upsert("openai", apiKey("k-1"))).toEqual({ id: key.id, isChanged: false });
    const reordered = Object.fromEntries(Object.entries(grant()).toReversed()) as Credential;
    expect(vault.upsert("anthropic", reordered)).toEqual({ id: account.id, isChanged: false });
    expect(vault.generation).toBe(generation);
  });

  test("another key of the same provider is another credential", () => {
    const vault = open(temporaryHome());
    const ids = ["k-1", "k-2"].map((key) => vault.upsert("openai", apiKey(key)).id);
    expect(vault.read().credentials.map(({ id }) => id)).toEqual(ids);
  });

  test("a new grant of the same account replaces the old one under the same id", () => {
    const vault = open(temporaryHome());
    const { id } = vault.upsert("anthropic", grant());
    const next = grant({ refresh: "refresh-2", access: "access-2" });
    expect(vault.upsert("anthropic", next)).toEqual({ id, isChanged: true });
    expect(vault.read().credentials.map((stored) => stored.credential)).toEqual([next]);
  });

  test("one key under two providers is two credentials", () => {
    const vault = open(temporaryHome());
    vault.upsert("openai", apiKey("k-1"));
    vault.upsert("openrouter", apiKey("k-1"));
    expect(vault.list().map((row) => row.provider)).toEqual(["openai", "openrouter"]);
  });

  test("each change adds one to the generation and tells the listeners once", () => {
    const vault = open(temporaryHome());
    let calls = 0;
    const stop = vault.onChange(() => calls++);
    vault.upsert("openai", apiKey("k-1"));
    vault.upsert("openai", apiKey("k-1"));
    stop();
    vault.upsert("openai", apiKey("k-2"));
    expect([vault.generation, calls]).toEqual([3, 1]);
  });

  test("listeners hear of several changes at once after their commit, and of undone ones never", () => {
    const home = temporaryHome();
    const [vault, other] = [open(home), open(home)];
    const heard: number[] = [];
    vault.onChange(() => heard.push(other.read().credentials.length));
    vault.atomically(() => ["k-1", "k-2"].map((key) => vault.upsert("openai", apiKey(key))));
    const undone = () =>
      vault.atomically(() => {
        vault.upsert("openai", apiKey("k-3"));
        throw new Error("undone");
      });
    expect(undone).toThrow("undone");
    expect(heard).toEqual([2]);
    expect(vault.read().credentials).toHaveLength(2);
  });

  test("what another process stores is seen by the next read", () => {
    const home = temporaryHome();
    const [one, other] = [open(home), open(home)];
    one.read();
    other.upsert("openai", apiKey("k-1"));
    expect(one.read().credentials).toHaveLength(1);
  });

  test("a listing has times and identities but no secret", () => {
    const vault = open(temporaryHome(), () => 42);
    const { id } = vault.upsert("anthropic", grant({ refresh: CANARY, access: CANARY }));
    const rows = vault.list();
    expect(rows).toEqual([
      {
        id,
        provider: "anthropic",
        type: "oauth",
        identityKey: "email:a@example.test",
        createdAtMs: 42,
        updatedAtMs: 42,
        disabledAtMs: null,
        disabledCause: null,
      },
    ]);
    expect(JSON.stringify(rows)).not.toContain(CANARY);
  });
});

test("no secret is found in any file of the home, open or closed, before or after replacing it", () => {
  const home = temporaryHome();
  const vault = Vault.open(home);
  vault.upsert("openai", apiKey(`sk-${CANARY}-1`));
  vault.upsert("anthropic", grant({ refresh: `${CANARY}-2`, access: `${CANARY}-3` }));
  vault.upsert("anthropic", grant({ refresh: `${CANARY}-4`, access: `${CANARY}-5` }));
  const seen = new Set<string>();
  const search = () => {
    for (const name of readdirSync(home)) {
      seen.add(name);
      expect(readFileSync(join(home, name)).includes(CANARY)).toBe(false);
    }
  };
  search();
  vault.close();
  search();
  expect(seen).toContain("vault.db-wal");
});

describe("an altered vault is refused, and nothing in it is written over", () => {
  const alterations: readonly (readonly [string, string])[] = [
    [
      "two rows' ciphertexts swapped",
      `UPDATE credentials SET sealed = (SELECT other.sealed FROM credentials AS other
         WHERE other.id <> credentials.id)`,
    ],
    [
      "a row's id changed",
      "UPDATE credentials SET id = 9 WHERE id = (SELECT min(id) FROM credentials)",
    ],
    ["a row's provider relabelled", "UPDATE credentials SET provider = 'evil'"],
    ["a row's type relabelled", "UPDATE credentials SET type = 'oauth'"],
    ["a ciphertext cut short", "UPDATE credentials SET sealed = substr(sealed, 1, 20)"],
    ["a ciphertext emptied", "UPDATE credentials SET sealed = x''"],
    ["the key check removed", "DELETE FROM meta"],
  ];

  test.each(alterations)("%s", (_name, sql) => {
    const home = temporaryHome();
    const vault = Vault.open(home);
    vault.upsert("openai", apiKey("k-1"));
    vault.upsert("openai", apiKey("k-2"));
    vault.close();
    tamper(home, sql);
    const before = readFileSync(join(home, "vault.db"));
    expect(() => Vault.open(home)).toThrow(SealBroken);
    expect(readFileSync(join(home, "vault.db"))).toEqual(before);
  });

  test("a row altered while the vault is open is not replaced by an upload", () => {
    const home = temporaryHome();
    const vault = open(home);
    vault.upsert("anthropic", grant());
    tamper(home, "UPDATE credentials SET sealed = x'00'");
    expect(() => vault.upsert("anthropic", grant({ access: "access-2" }))).toThrow(SealBroken);
    expect(vault.generation).toBe(2);
  });

  test("another key: the error says so, and the right key still opens everything", () => {
    const home = temporaryHome();
    const vault = Vault.open(home);
    vault.upsert("openai", apiKey("k-1"));
    vault.close();
    const keyPath = join(home, "vault.key");
    copyFileSync(keyPath, `${keyPath}.right`);
    writeFileSync(keyPath, Buffer.alloc(32, 7).toString("base64url"));
    expect(() => Vault.open(home)).toThrow(MasterKeyError);
    copyFileSync(`${keyPath}.right`, keyPath);
    expect(open(home).read().credentials).toHaveLength(1);
  });
});

describe("a tombstone", () => {
  test("keeps cause and time, and nothing of the secret", () => {
    const vault = open(temporaryHome());
    const { id } = vault.upsert("anthropic", grant());
    expect(vault.disable(id, "revoked by the provider")).toBe(true);
    expect(vault.read().credentials).toEqual([]);
    expect(vault.list()).toMatchObject([
      { id, disabledAtMs: 1_000, disabledCause: "revoked by the provider" },
    ]);
    const row = vault.file.database.prepare("SELECT sealed FROM credentials");
    expect(row.get()).toEqual({ sealed: null });
  });

  test("cannot be made twice, and its id stays its own when the account logs in again", () => {
    const vault = open(temporaryHome());
    const { id } = vault.upsert("anthropic", grant());
    vault.disable(id, "gone");
    expect(vault.disable(id, "again")).toBe(false);
    expect(vault.upsert("anthropic", grant({ refresh: "refresh-2" })).id).not.toBe(id);
  });
});

describe("rotating a grant", () => {
  const next = grant({ refresh: "refresh-2", access: "access-2" });

  test("replaces it only while it is the one that was refreshed", () => {
    const vault = open(temporaryHome());
    const { id } = vault.upsert("anthropic", grant());
    const rotation = { usedRefresh: "refresh-1", credential: next };
    expect(vault.rotate(id, rotation)).toBe("rotated");
    expect(vault.rotate(id, rotation)).toBe("superseded");
    expect(vault.get(id)?.credential).toEqual(next);
    vault.disable(id, "gone");
    expect(vault.rotate(id, rotation)).toBe("gone");
  });

  test("an old copy of the grant, imported later, does not replace its successor", () => {
    const vault = open(temporaryHome());
    const { id } = vault.upsert("anthropic", grant());
    vault.rotate(id, { usedRefresh: "refresh-1", credential: next });
    expect(vault.upsert("anthropic", grant())).toEqual({ id, isChanged: false });
    expect(vault.get(id)?.credential).toEqual(next);
    vault.disable(id, "gone");
    expect(() => vault.upsert("anthropic", grant())).toThrow(/refreshed here before/);
  });

  test("a token that the provider left as it was is not spent", () => {
    const vault = open(temporaryHome());
    const { id } = vault.upsert("google", grant());
    const credential = grant({ access: "access-2" });
    expect(vault.rotate(id, { usedRefresh: "refresh-1", credential })).toBe("rotated");
    vault.disable(id, "gone");
    expect(vault.upsert("google", grant()).isChanged).toBe(true);
  });
});

describe("changes", () => {
  const openaiOnly = (provider: string) => provider === "openai";

  test("what a reader missed is each changed credential once, in order, as it is now", () => {
    const vault = open(temporaryHome());
    const [a, b] = ["k-1", "k-2"].map((key) => vault.upsert("openai", apiKey(key)).id);
    vault.block(a ?? 0, { providerKey: "openai", blockScope: "all", blockedUntilMs: 9_000 });
    expect(vault.since(1)).toMatchObject([
      { generation: 3, id: b },
      { generation: 4, id: a, stored: { blocks: [{ blockedUntilMs: 9_000 }] } },
    ]);
    expect(vault.since(4)).toEqual([]);
    vault.disable(b ?? 0, "gone");
    expect(vault.since(4)).toEqual([{ generation: 5, id: b ?? 0, stored: undefined }]);
  });

  test("a generation that is not ours asks for a whole snapshot", () => {
    expect(open(temporaryHome()).since(7)).toBeUndefined();
  });

  test("whoever sees one provider cannot count what happens at another", () => {
    const vault = open(temporaryHome());
    vault.upsert("openai", apiKey("k-1"));
    const before = vault.read(openaiOnly);
    for (const key of ["k-2", "k-3"]) vault.upsert("anthropic", apiKey(key));
    expect(vault.read(openaiOnly)).toEqual(before);
    const { id } = vault.upsert("openai", apiKey("k-4"));
    expect(vault.generationSeenBy(openaiOnly)).toBe(before.generation + 1);
    expect(vault.since(before.generation, openaiOnly)).toMatchObject([
      { generation: before.generation + 1, id },
    ]);
  });

  test("lifting a block is a change, and lifting none is not", () => {
    const vault = open(temporaryHome());
    const { id } = vault.upsert("openai", apiKey("k-1"));
    const block = { providerKey: "openai", blockScope: "all", blockedUntilMs: 9_000 };
    for (const blocked of [vault.block(id, block), vault.block(id, block)])
      expect(blocked).toBe(true);
    expect([vault.generation, vault.get(id)?.blocks]).toEqual([3, [block]]);
    vault.clearBlocks(id);
    vault.clearBlocks(id);
    expect([vault.generation, vault.get(id)?.blocks]).toEqual([4, []]);
  });
});
