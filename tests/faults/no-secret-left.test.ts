// What is left on the disk after every action, byte by byte: no secret in the clear, in any file, and after a rekey
// nothing that the old master key opens.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { homeMasterKey } from "../../broker/vault/key-sources/file.ts";
import { openVault, prepareNextKey } from "../../broker/vault/open-vault.ts";
import { rekey } from "../../broker/vault/rekey.ts";
import { Seal } from "../../broker/vault/seal.ts";
import { credentialPlace } from "../../broker/vault/credential-table.ts";
import { Vault } from "../../broker/vault/vault.ts";
import {
  type ActionName,
  actions,
  CANARY,
  homeOf,
  PASSPHRASE,
  withVault,
  worldOf,
} from "./actions.ts";

const SEALED_KEY_BYTES = 61;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-strings-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const newRoot = () => mkdtempSync(join(folder, "home-"));

function filesBelow(root: string): [string, Buffer][] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path)]);
}

/** The files that hold a secret, as text or as SQLite or Bun might have encoded it. */
function leaksBelow(root: string): string[] {
  const secrets = [CANARY, PASSPHRASE];
  const forms = secrets.flatMap((secret) => [
    Buffer.from(secret),
    Buffer.from(secret, "utf16le"),
    Buffer.from(Buffer.from(secret).toString("hex")),
    // Base64 of whole groups of three bytes, whatever stands before them.
    ...[0, 1, 2].map((skip) => {
      const groups = Math.floor((secret.length - skip) / 3) * 3;
      return Buffer.from(Buffer.from(secret.slice(skip, skip + groups)).toString("base64"));
    }),
  ]);
  const found = filesBelow(root).filter(([, bytes]) => forms.some((form) => bytes.includes(form)));
  return found.map(([path]) => path);
}

test("the search finds a secret that is there", () => {
  const root = newRoot();
  withVault(root, (vault) => {
    vault.upsert("openai", { type: "api_key", key: "k-1" });
    vault.file.database.exec(`UPDATE credentials SET disabled_cause = '${CANARY}'`);
  });
  expect(leaksBelow(root)).toEqual([join(homeOf(root), "vault.db")]);
});

describe("no file holds a secret in the clear", () => {
  test.each(Object.keys(actions) as ActionName[])("after %s, closed or open", async (name) => {
    const root = newRoot();
    actions[name].prepare(root);
    // Held open, the log keeps every version of every page that was written.
    const open = name === "restore" ? undefined : Vault.open(homeOf(root));
    await actions[name].run(root);
    expect(filesBelow(root).length).toBeGreaterThan(1);
    expect(leaksBelow(root)).toEqual([]);
    open?.close();
    expect(leaksBelow(root)).toEqual([]);
  });

  test("after everything at once, in a log that was never folded", async () => {
    const root = newRoot();
    actions.upsert.prepare(root);
    const open = Vault.open(homeOf(root));
    for (const name of ["rotate", "replace", "block", "disable", "upsert", "backup"] as const) {
      await actions[name].run(root);
    }
    expect(filesBelow(root).some(([path]) => path.endsWith("vault.db-wal"))).toBe(true);
    expect(leaksBelow(root)).toEqual([]);
    open.close();
  });
});

test("after a disable nothing is left that the master key could open", () => {
  const root = newRoot();
  actions.upsert.prepare(root);
  const place = withVault(root, (vault) => {
    const { id } = vault.upsert("groq", { type: "api_key", key: `${CANARY}-${"x".repeat(9_000)}` });
    return credentialPlace(id);
  });
  const key = new Seal(homeMasterKey(homeOf(root)).read({ mayCreate: false }));
  const left = () => filesBelow(root).flatMap(([, bytes]) => opensIn(bytes, key, [place]));
  expect(left()).toHaveLength(1);
  withVault(root, (vault) => vault.disable(place.rowId, "left"));
  expect(left()).toEqual([]);
});

describe("after a rekey the old master key opens nothing that is left", () => {
  test.each(["alone", "beside a broker that has the vault open"])("%s", async (where) => {
    const root = newRoot();
    actions.upsert.prepare(root);
    const places = withVault(root, (vault) => [
      ...vault.read().credentials.map(({ id }) => credentialPlace(id)),
      { table: "meta", rowId: 1, column: "key_check" },
      { table: "meta", rowId: 1, column: "index_key" },
    ]);
    const old = new Seal(homeMasterKey(homeOf(root)).read({ mayCreate: false }));
    const isOpened = () => {
      const whole = filesBelow(root).flatMap(([, bytes]) => opensIn(bytes, old, places));
      return whole.length;
    };
    expect(isOpened()).toBe(places.length);
    const broker = where === "alone" ? undefined : Vault.open(homeOf(root));
    // More versions of the same rows, on free pages and in the log.
    await actions.replace.run(root);
    const vault = await openVault(worldOf(root, "file"));
    rekey(vault.file, await prepareNextKey("file", worldOf(root, "file")));
    if (where === "alone") vault.close();
    expect(isOpened()).toBe(0);
    expect(broker?.read().credentials.length ?? places.length - 2).toBe(places.length - 2);
    if (where !== "alone") vault.close();
    broker?.close();
  });
});

/** The offsets at which a wrapped data key begins that the key unwraps for one of the places. */
function opensIn(
  bytes: Buffer,
  key: Seal,
  places: readonly { table: string; rowId: number; column: string }[],
): number[] {
  const offsets: number[] = [];
  const other = new Seal(new Uint8Array(32));
  // A sealed value begins with its version, 2; with the wrapped key that is 61 bytes.
  for (let at = bytes.indexOf(2); at >= 0; at = bytes.indexOf(2, at + 1)) {
    const sealed = bytes.subarray(at, at + SEALED_KEY_BYTES);
    if (
      sealed.length === SEALED_KEY_BYTES &&
      places.some((place) => isUnwrapped(key, sealed, place, other))
    ) {
      offsets.push(at);
    }
  }
  return offsets;
}

function isUnwrapped(
  key: Seal,
  sealed: Uint8Array,
  place: { table: string; rowId: number; column: string },
  other: Seal,
): boolean {
  try {
    key.rewrap(sealed, place, other);
    return true;
  } catch {
    return false;
  }
}
