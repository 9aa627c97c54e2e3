// Every acknowledged change was synced before it was acknowledged: `synchronous=FULL` is in force, and not only
// reported to be. Counted in the system calls of a real process.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Vault } from "../../broker/vault/vault.ts";
import { type ActionName, actions, homeOf } from "./actions.ts";
import { straceProblem, traced } from "./strace.ts";

const problem = await straceProblem();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-durable-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(problem !== undefined)("the log is synced after the last byte of", () => {
  const names: readonly ActionName[] = ["upsert", "replace", "rotate", "disable", "block"];
  test.each(names)("%s", async (name) => {
    const root = mkdtempSync(join(folder, "home-"));
    actions[name].prepare(root);
    // Whoever closes the file last syncs the log too, whatever the setting is: so that must not be the driver.
    const other = Vault.open(homeOf(root));
    const { calls } = await traced(name, root, { fault: "killed" });
    other.close();
    // Each page in the log follows a header of 24 bytes.
    const frame = /pwrite64\((\d+), .*, 24, \d+\)/;
    const last = calls.findLastIndex((call) => frame.test(call));
    const descriptor = frame.exec(calls[last] ?? "")?.[1];
    expect(descriptor).toBeDefined();
    // The last frame's page, then the sync, and only then anything else.
    expect(calls[last + 1]).toContain(`pwrite64(${descriptor}, `);
    expect(calls[last + 2]).toMatch(new RegExp(`f(data)?sync\\(${descriptor}\\) += 0`));
  });
});
