// The audit log as an operator reads and checks it.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import BetterSqlite3 from "better-sqlite3";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuditEvent, auditHeadPath, AuditLog, auditPath, Vault } from "#broker";
import { EXIT_CODES } from "../../cli-error.ts";
import { runAuthBroker } from "../auth-broker-under-test.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-cli-audit-"));
});

afterEach(() => rmSync(home, { recursive: true }));

const run = (...args: readonly string[]) =>
  runAuthBroker(["audit", ...args], { PARLEY_HOME: home });

async function record(
  events: readonly AuditEvent[],
  nowMs: () => number = Date.now,
): Promise<void> {
  const vault = Vault.open(home);
  const log = AuditLog.open(home, { index: vault.file.index, nowMs });
  await Promise.all(events.map((event) => log.record(event)));
  log.close();
  vault.close();
}

function tamper(sql: string): void {
  const database = new BetterSqlite3(auditPath(home));
  database.exec(`DROP TRIGGER audit_keeps_rows; DROP TRIGGER audit_keeps_content; ${sql}`);
  database.close();
}

const read = (actor: string): AuditEvent => ({
  actor,
  action: "snapshot.read",
  target: "openai 1",
  detail: "generation 3",
});

test("of nothing shows nothing, is whole, and makes nothing", async () => {
  expect((await run()).stdout).toBe("Nothing is recorded.\n");
  expect(JSON.parse((await run("--json")).stdout)).toEqual([]);
  expect((await run("--verify")).stdout).toContain("whole: 0 records");
  expect(readdirSync(home)).toEqual([]);
});

describe("shows", () => {
  test("who did what, when, to what, and how it ended", async () => {
    await record([
      read("ci#1"),
      {
        actor: "203.0.113.7",
        action: "auth.refused",
        outcome: "refused",
        detail: "no usable token",
      },
    ]);
    const { stdout } = await run();
    expect(stdout).toMatch(/^WHEN +WHO +WHAT +OUTCOME +ABOUT\n/);
    expect(stdout).toMatch(/\d\dZ +ci#1 +snapshot\.read +ok +openai 1 {2}generation 3\n/);
    expect(stdout).toMatch(/203\.0\.113\.7 +auth\.refused +refused +no usable token\n/);
    const json = JSON.parse((await run("--json")).stdout);
    expect(json[0]).toEqual({
      seq: 1,
      atMs: expect.any(Number),
      actor: "ci#1",
      action: "snapshot.read",
      target: "openai 1",
      outcome: "ok",
      detail: "generation 3",
      requestId: "",
    });
  });

  test("the last of them, and the young ones", async () => {
    await record([read("old#1")], () => Date.now() - 8 * 86_400_000);
    await record([read("new#2"), read("new#3")]);
    const actors = async (...args: readonly string[]) =>
      JSON.parse((await run("--json", ...args)).stdout).map(({ actor }: AuditEvent) => actor);
    expect(await actors()).toEqual(["old#1", "new#2", "new#3"]);
    expect(await actors("--since", "7d")).toEqual(["new#2", "new#3"]);
    expect(await actors("--limit", "1")).toEqual(["new#3"]);
  });

  test("no control characters of whoever wrote into the file", async () => {
    await record([read("ci#1")]);
    tamper("UPDATE audit SET actor = char(27) || '[2J', at_ms = 9e15");
    const { stdout } = await run();
    expect(stdout).not.toContain("\u001B");
    expect(stdout).toContain("?[2J");
  });

  test.each([
    [["--limit", "0"], "limit_invalid"],
    [["--limit", "many"], "limit_invalid"],
    [["--since", "yesterday"], "duration_invalid"],
  ])("nothing for %j, but the way out", async (args, code) => {
    const { error } = await run(...args);
    expect(error).toMatchObject({ code, exitCode: EXIT_CODES.usage });
    expect(error?.hint).toBeDefined();
  });
});

describe("--verify", () => {
  test("of a log that nobody touched ends well", async () => {
    await record([read("a"), read("b")]);
    const { stdout, error } = await run("--verify");
    expect([stdout, error]).toEqual(["The audit log is whole: 2 records.\n", undefined]);
    expect(JSON.parse((await run("--verify", "--json")).stdout)).toEqual({
      isIntact: true,
      records: 2,
      vouchedFor: 2,
    });
  });

  test("of an altered one exits with 1 and names the place", async () => {
    await record([read("a"), read("b"), read("c")]);
    tamper("UPDATE audit SET actor = 'x' WHERE seq = 2");
    const { error } = await run("--verify");
    expect(error).toMatchObject({ code: "audit_broken", exitCode: EXIT_CODES.failure });
    expect(error?.message).toContain("record 2");
    const json = await run("--verify", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ isIntact: false, seq: 2 });
    expect(json.error?.exitCode).toBe(EXIT_CODES.failure);
  });

  test("of one whose file is gone finds that out by its head", async () => {
    await record([read("a")]);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(auditPath(home) + suffix, { force: true });
    expect((await run("--verify")).error?.message).toContain("record 1");
  });

  test("needs the vault, and makes none", async () => {
    await record([read("a")]);
    for (const name of readdirSync(home)) {
      if (name.startsWith("vault")) rmSync(join(home, name));
    }
    expect((await run("--verify")).error?.code).toBe("vault_missing");
    rmSync(auditHeadPath(home));
    expect(readdirSync(home).filter((name) => name.startsWith("vault"))).toEqual([]);
  });
});
