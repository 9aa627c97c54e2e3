// A backup restores what was there, into quarantine; anything else leaves everything as it was.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "#platform";
import { BrokerError } from "../errors.ts";
import { homeMasterKey } from "../vault/key-sources/file.ts";
import { Vault } from "../vault/vault.ts";
import { backUp } from "./backup.ts";
import { restore } from "./restore.ts";

const CANARY = "canary-5d1e7a90-secret";
const PASSPHRASE = new Secret("correct horse battery staple");
const open: Vault[] = [];
let root: string;
let home: string;
let file: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parley-backup-"));
  home = join(root, "home");
  file = join(root, "vault.backup");
});

afterEach(() => {
  for (const vault of open.splice(0)) vault.close();
  rmSync(root, { recursive: true });
});

function openHome(at = home): Vault {
  const vault = Vault.open(at);
  open.push(vault);
  return vault;
}

/** A vault with two credentials and a tombstone, closed again. */
function filledHome(): void {
  const vault = Vault.open(home);
  vault.upsert("openai", { type: "api_key", key: CANARY });
  const { id } = vault.upsert("anthropic", { type: "api_key", key: `${CANARY}-gone` });
  vault.upsert("mcp", { type: "oauth", refresh: CANARY, access: CANARY, expires: 5 });
  vault.disable(id, "left");
  vault.close();
}

function makeBackup(passphrase?: Secret): void {
  const vault = Vault.open(home);
  backUp(vault, file, { passphrase });
  vault.close();
}

function restoreInto(at: string, options: { replace?: boolean } = {}) {
  const masterKey = homeMasterKey(at);
  return restore(file, { home: at, masterKey, passphrase: async () => PASSPHRASE, ...options });
}

async function refused(run: () => Promise<unknown>): Promise<BrokerError> {
  const error = await run().catch((caught: unknown) => caught);
  if (error instanceof BrokerError) return error;
  throw new Error("was not refused");
}

describe("a backup", () => {
  test("is private, holds no secret in the clear, and never replaces a file", () => {
    filledHome();
    makeBackup();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file).includes(CANARY)).toBe(false);
    expect(makeBackup).toThrow(/already/);
  });

  test("leaves the directory it is written into as it is", () => {
    filledHome();
    const before = statSync(root).mode;
    makeBackup();
    expect(statSync(root).mode).toBe(before);
    expect(readdirSync(root).sort()).toEqual(["home", "vault.backup"]);
  });

  test("of a vault that is being written to holds every acknowledged change", async () => {
    filledHome();
    const vault = Vault.open(home);
    vault.upsert("openai", { type: "api_key", key: "late" });
    backUp(vault, file);
    vault.close();
    await restoreInto(home, { replace: true });
    expect(openHome().read().credentials).toHaveLength(3);
  });

  test("does not take the place of a vault that a broker has open", async () => {
    filledHome();
    makeBackup();
    const vault = openHome();
    expect((await refused(() => restoreInto(home, { replace: true }))).code).toBe("vault_in_use");
    expect(vault.read().credentials).toHaveLength(2);
  });
});

describe("restoring", () => {
  test("after one that was killed takes nothing of what it left", async () => {
    filledHome();
    makeBackup();
    for (const suffix of ["", "-journal", "-wal", "-shm"]) {
      writeFileSync(join(home, `vault.db.restoring${suffix}`), "left over", { mode: 0o600 });
    }
    expect((await restoreInto(home, { replace: true })).credentials).toBe(2);
    expect(readdirSync(home).filter((name) => name.includes("restoring"))).toEqual([]);
  });

  test("brings back credentials, tombstones and ids, in quarantine", async () => {
    filledHome();
    const first = Vault.open(home);
    const before = first.list();
    first.close();
    makeBackup();
    rmSync(join(home, "vault.db"));
    const { credentials, movedTo } = await restoreInto(home);
    const vault = openHome();
    expect([credentials, movedTo, vault.list()]).toEqual([2, null, before]);
    expect(vault.quarantinedAtMs).not.toBeNull();
    expect([vault.unquarantine(), vault.unquarantine()]).toEqual([true, false]);
    expect(vault.quarantinedAtMs).toBeNull();
  });

  test("never comes back to a generation that a client has seen and would resume from", async () => {
    filledHome();
    makeBackup();
    const sees = (provider: string) => provider === "openai";
    const change = (vault: Vault) =>
      vault.upsert("openai", { type: "api_key", key: `k-${Math.random()}` });
    for (let again = 0; again < 2; again++) {
      const vault = openHome();
      for (let i = 0; i < 3; i++) change(vault);
      const seen = [vault.generation, vault.generationSeenBy(sees)] as const;
      open.splice(0);
      vault.close();
      await restoreInto(home, { replace: true });
      const restored = openHome();
      for (let i = 0; i < 5; i++) {
        expect(restored.since(seen[0])).toBeUndefined();
        expect(restored.since(seen[1], sees)).toBeUndefined();
        change(restored);
      }
      open.splice(0);
      restored.close();
    }
  });

  test("with a passphrase needs nothing of the host it came from", async () => {
    filledHome();
    makeBackup(PASSPHRASE);
    const other = join(root, "other");
    await restoreInto(other);
    expect(openHome(other).read().credentials).toHaveLength(2);
    expect(readFileSync(join(other, "vault.key"))).not.toEqual(
      readFileSync(join(home, "vault.key")),
    );
  });

  test("leaves no copy under the backup's own key, and no stray file", async () => {
    filledHome();
    makeBackup(PASSPHRASE);
    const other = join(root, "other");
    await restoreInto(other);
    openHome(other).close();
    expect(readdirSync(other).sort()).toEqual(["vault.db", "vault.key"]);
    open.splice(0);
  });

  test("over a vault is refused, and with --replace that vault is kept aside", async () => {
    filledHome();
    makeBackup();
    expect((await refused(() => restoreInto(home))).code).toBe("vault_exists");
    const vault = Vault.open(home);
    vault.upsert("openai", { type: "api_key", key: "newer" });
    vault.close();
    const { movedTo } = await restoreInto(home, { replace: true });
    const aside = join(root, "aside");
    Vault.open(aside).close();
    copyFileSync(movedTo ?? "", join(aside, "vault.db"));
    copyFileSync(join(home, "vault.key"), join(aside, "vault.key"));
    expect(openHome(aside).read().credentials).toHaveLength(3);
    expect(openHome().read().credentials).toHaveLength(2);
  });

  test("under another key, cut short at any length, or altered in any byte changes nothing", async () => {
    filledHome();
    makeBackup();
    const whole = readFileSync(file);
    const other = join(root, "other");
    Vault.open(other).close();
    rmSync(join(other, "vault.db"));
    expect((await refused(() => restoreInto(other))).code).toBe("backup_unreadable");
    const step = Math.ceil(whole.length / 200);
    for (let at = 0; at < whole.length; at += at < 200 ? 1 : step) {
      for (const damaged of [whole.subarray(0, at), flipped(whole, at)]) {
        writeFileSync(file, damaged);
        const error = await refused(() => restoreInto(home, { replace: true }));
        expect(error.code).toBe("backup_unreadable");
      }
    }
    expect(openHome().quarantinedAtMs).toBeNull();
    expect(existsSync(join(home, "vault.db.restoring"))).toBe(false);
  });
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = 255 - (copy[at] ?? 0);
  return copy;
}
