// After a rekey the new key opens everything and the old one nothing; interrupted, one of the two does.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, loadConfig, Secret } from "#platform";
import { brokerKeys } from "../config.ts";
import { MasterKeyError } from "../errors.ts";
import { openVault, prepareNextKey } from "./open-vault.ts";
import { rekey } from "./rekey.ts";
import type { Vault } from "./vault.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-rekey-"));
});

afterEach(() => rmSync(home, { recursive: true }));

function world(setting: string, passphrase = "the first passphrase") {
  const env = { PARLEY_HOME: home, PARLEY_VAULT_KEY: setting };
  const config: Config = loadConfig({ keys: brokerKeys, env, cwd: home });
  return { config, env, askPassphrase: async () => new Secret(passphrase) };
}

async function fill(setting: string): Promise<void> {
  const vault = await openVault(world(setting));
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  vault.upsert("mcp", { type: "oauth", refresh: "r", access: "a", expires: 5 });
  vault.close();
}

async function holds(vault: Vault): Promise<number> {
  const { length } = vault.read().credentials;
  vault.close();
  return length;
}

describe.each([
  ["file", "file"],
  ["file", "passphrase"],
  ["passphrase", "file"],
  ["passphrase", "passphrase"],
])("from %s to %s", (from, to) => {
  const next = "the second passphrase";

  test("the new key opens everything, and the old one nothing", async () => {
    await fill(from);
    if (from === "file") copyFileSync(join(home, "vault.key"), join(home, "old.key"));
    const vault = await openVault(world(from));
    expect(rekey(vault.file, await prepareNextKey(to, world(from, next)))).toBe(2);
    vault.close();
    expect(await holds(await openVault(world(to, next)))).toBe(2);
    if (from === "file") copyFileSync(join(home, "old.key"), join(home, "vault.key"));
    await expect(openVault(world(from))).rejects.toThrow(MasterKeyError);
  });

  test("interrupted before the vault is sealed, the old key still opens it", async () => {
    await fill(from);
    (await prepareNextKey(to, world(from, next))).keep?.();
    expect(await holds(await openVault(world(from)))).toBe(2);
  });

  test("interrupted after the vault is sealed, the new key opens it", async () => {
    await fill(from);
    const vault = await openVault(world(from));
    const { adopt: _, ...interrupted } = await prepareNextKey(to, world(from, next));
    rekey(vault.file, interrupted);
    vault.close();
    expect(await holds(await openVault(world(to, next)))).toBe(2);
    expect(await holds(await openVault(world(to, next)))).toBe(2);
  });
});

test("a broker that has the vault open follows a rekey made by another process", async () => {
  await fill("file");
  const broker = await openVault(world("file"));
  const other = await openVault(world("file"));
  rekey(other.file, await prepareNextKey("file", world("file")));
  other.close();
  broker.upsert("openai", { type: "api_key", key: "k-2" });
  expect(await holds(broker)).toBe(3);
  expect(await holds(await openVault(world("file")))).toBe(3);
});

test("the old key file is replaced, not kept", async () => {
  await fill("file");
  const before = readFileSync(join(home, "vault.key"), "utf8");
  const vault = await openVault(world("file"));
  rekey(vault.file, await prepareNextKey("file", world("file")));
  vault.close();
  expect(readFileSync(join(home, "vault.key"), "utf8")).not.toBe(before);
  expect(existsSync(join(home, "vault.key.next"))).toBe(false);
});

describe("of two rekeys at once", () => {
  test("neither loses the key of the other", async () => {
    await fill("file");
    const [first, second] = [await openVault(world("file")), await openVault(world("file"))];
    const keys = [
      await prepareNextKey("file", world("file")),
      await prepareNextKey("file", world("file")),
    ] as const;
    rekey(first.file, keys[0]);
    rekey(second.file, keys[1]);
    first.close();
    second.close();
    expect(await holds(await openVault(world("file")))).toBe(2);
  });

  test("one that died before its last step is finished by the other", async () => {
    await fill("file");
    const [first, second] = [await openVault(world("file")), await openVault(world("file"))];
    const { adopt: _, ...died } = await prepareNextKey("file", world("file"));
    rekey(first.file, died);
    const { adopt: __, ...alsoDied } = await prepareNextKey("file", world("file"));
    rekey(second.file, alsoDied);
    first.close();
    second.close();
    expect(await holds(await openVault(world("file")))).toBe(2);
  });
});
