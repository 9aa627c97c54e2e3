// The vault's key, backups and restores, as an operator runs them.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Vault } from "#broker";
import { runAuthBroker } from "../auth-broker-under-test.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-cli-vault-"));
});

afterEach(() => rmSync(home, { recursive: true }));

const run = (args: readonly string[]) => runAuthBroker(args, { PARLEY_HOME: home });

function store(provider: string, key: string): void {
  const vault = Vault.open(home);
  vault.upsert(provider, { type: "api_key", key });
  vault.close();
}

describe("the vault's key and backups", () => {
  test("rekey moves the key, and the vault opens again", async () => {
    store("openai", "k-1");
    const before = readFileSync(join(home, "vault.key"), "utf8");
    const { stdout, error } = await run(["rekey", "--json"]);
    expect([error, JSON.parse(stdout)]).toEqual([undefined, { credentials: 1, key: "file" }]);
    expect(readFileSync(join(home, "vault.key"), "utf8")).not.toBe(before);
    expect((await run(["list", "--json"])).stdout).toContain("openai");
  });

  test("rekey to a place that is none is refused and changes nothing", async () => {
    store("openai", "k-1");
    expect((await run(["rekey", "--to", "nowhere"])).error?.code).toBe("vault_key_invalid");
    expect((await run(["list"])).error).toBeUndefined();
  });

  test("rekey to a command names it in the configuration and removes the file", async () => {
    store("openai", "k-1");
    writeFileSync(join(home, "elsewhere"), Buffer.alloc(32, 7).toString("base64url"));
    const to = `!cat '${join(home, "elsewhere")}'`;
    expect((await run(["rekey", "--to", to])).error).toBeUndefined();
    expect(existsSync(join(home, "vault.key"))).toBe(false);
    expect((await run(["list", "--json"])).stdout).toContain("openai");
  });

  test("a backup comes back in quarantine, and unquarantine ends that", async () => {
    store("openai", "k-1");
    const file = join(home, "a.backup");
    expect((await run(["backup", file])).error).toBeUndefined();
    await expect(run(["backup", file])).rejects.toThrow(/already/);
    expect((await run(["restore", file])).error?.code).toBe("vault_exists");
    const restored = await run(["restore", file, "--replace"]);
    expect(restored.stdout).toContain("Restored 1 credentials");
    expect(restored.stderr).toContain("unquarantine");
    expect((await run(["unquarantine"])).stdout).toContain("refreshed again");
    expect((await run(["unquarantine", "--json"])).stdout).toContain("false");
    const records: { action: string }[] = JSON.parse((await run(["audit", "--json"])).stdout);
    expect(records.map(({ action }) => action).slice(-3)).toEqual([
      "vault.restore",
      "vault.unquarantine",
      "vault.unquarantine",
    ]);
    expect((await run(["audit", "--verify"])).error).toBeUndefined();
  });

  test("leave a record each; a backup that cannot be recorded is not made", async () => {
    store("openai", "k-1");
    await run(["backup", join(home, "a.backup")]);
    await run(["rekey"]);
    const shown = (await run(["audit"])).stdout;
    expect(shown).toMatch(/vault\.backup +ok .*a\.backup\n.*vault\.rekey +ok +key in file/);
    expect((await run(["audit", "--verify"])).error).toBeUndefined();
    rmSync(join(home, "audit.head"));
    const { error } = await run(["backup", join(home, "b.backup")]);
    expect([error?.code, existsSync(join(home, "b.backup"))]).toEqual(["audit_broken", false]);
    const { stderr, error: rekeyed } = await run(["rekey"]);
    expect([rekeyed, stderr]).toEqual([undefined, expect.stringContaining("not in the audit log")]);
  });

  test("a vault of another host brings a new audit log, and the old one is kept", async () => {
    store("openai", "k-1");
    const file = join(home, "a.backup");
    await run(["backup", file]);
    const other = join(home, "other");
    const there = (args: readonly string[]) => runAuthBroker(args, { PARLEY_HOME: other });
    await there(["token", "create", "--name", "ci", "--allow", "usage", "--expires", "1d"]);
    copyFileSync(join(home, "vault.key"), join(other, "vault.key"));
    rmSync(join(other, "vault.db"));
    expect((await there(["restore", file])).stdout).toContain("kept as");
    expect((await there(["audit", "--verify"])).error).toBeUndefined();
  });
});
