// A disk that runs full, a real one of a few hundred kilobytes: the vault says so, can still be read, loses nothing
// that it accepted, and works again when there is room. Mounting one needs root; without, this says so and skips.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseError } from "#platform";
import { backUp } from "../../broker/backup/backup.ts";
import { Vault } from "../../broker/vault/vault.ts";
import { actions, CANARY, contentOf, homeOf } from "./actions.ts";

const KILOBYTES = 768;

let folder = "";
const problem = mountProblem();
if (problem) process.stderr.write(`tests/faults: no disk is filled here: ${problem}\n`);

function mountProblem(): string | undefined {
  if (process.platform !== "linux") return "tmpfs is for Linux only";
  folder = mkdtempSync(join(tmpdir(), "parley-full-"));
  const options = ["-t", "tmpfs", "-o", `size=${KILOBYTES}k`, "parley-test", folder];
  const { status, error } = spawnSync("mount", options, { stdio: "ignore" });
  if (status === 0) return undefined;
  rmSync(folder, { recursive: true });
  return error ? "there is no mount" : "mounting was refused";
}

describe.skipIf(problem !== undefined)("on a full disk", () => {
  const accepted: string[] = [];
  let vault: Vault;

  beforeAll(() => {
    actions.upsert.prepare(folder);
    vault = Vault.open(homeOf(folder));
  });
  afterAll(() => {
    vault.close();
    spawnSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });

  function fill(): unknown {
    for (let each = 0; each < 10_000; each++) {
      const key = `${CANARY}-${each}-${"x".repeat(2_000)}`;
      try {
        vault.upsert("groq", { type: "api_key", key });
      } catch (error) {
        return error;
      }
      accepted.push(key);
    }
    throw new Error("the disk did not fill");
  }

  const keys = (of: Vault) =>
    of
      .read()
      .credentials.flatMap(({ provider, credential }) =>
        provider === "groq" && credential.type === "api_key" ? [credential.key] : [],
      );

  test("storing is refused with an error that says so and keeps the secret", () => {
    const error = fill();
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ code: "disk_full", message: expect.stringContaining("full") });
    expect(`${String(error)}`).not.toContain(CANARY);
    expect(accepted.length).toBeGreaterThan(10);
  });

  test("what was accepted can be read, here and by who opens the file now", () => {
    expect(keys(vault)).toEqual(accepted);
    const other = Vault.open(homeOf(folder));
    expect(keys(other)).toEqual(accepted);
    other.close();
  });

  test("a backup is refused and leaves no half of one", () => {
    const path = join(folder, "full.backup");
    expect(() => backUp(vault, path)).toThrow(/cannot be written \(ENOSPC\)/);
    expect([...new Bun.Glob("*.{backup,tmp}").scanSync({ cwd: folder, dot: true })]).toEqual([]);
  });

  test("closed and opened, it holds what was accepted, and takes more when there is room", async () => {
    vault.close();
    spawnSync("mount", ["-o", `remount,size=${KILOBYTES * 4}k`, folder]);
    vault = Vault.open(homeOf(folder));
    expect(keys(vault)).toEqual(accepted);
    const { isChanged } = vault.upsert("openai", { type: "api_key", key: `${CANARY}-more` });
    expect(isChanged).toBe(true);
    expect(keys(vault)).toEqual(accepted);
    expect(await contentOf(folder)).toContain(`${CANARY}-more`);
  });
});
