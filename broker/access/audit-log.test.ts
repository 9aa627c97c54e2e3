// The audit log: durable before anyone is answered, closed when it cannot be, and telling on whoever touches it.

import { afterEach, describe, expect, spyOn, test } from "bun:test";
import BetterSqlite3 from "better-sqlite3";
import * as fc from "fast-check";
import {
  appendFileSync,
  copyFileSync,
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
import { IndexKey } from "../vault/seal.ts";
import { AuditBroken, AuditUnavailable } from "./access-errors.ts";
import type { AuditEvent } from "./audit-event.ts";
import {
  AUDIT_TIMEOUT_MS,
  auditHeadPath,
  AuditLog,
  auditPath,
  type AuditVerdict,
  MAX_WAITING_RECORDS,
} from "./audit-log.ts";

const KEY_BYTES = new Uint8Array(32).fill(7);
const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const clean of cleanups.splice(0).toReversed()) clean();
});

function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), "parley-audit-"));
  cleanups.push(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

function open(home: string, nowMs: () => number = () => 1_000): AuditLog {
  const log = AuditLog.open(home, { index: new IndexKey(KEY_BYTES), nowMs });
  let isOpen = true;
  const close = log.close.bind(log);
  log.close = () => {
    if (isOpen) close();
    isOpen = false;
  };
  cleanups.push(() => log.close());
  return log;
}

const read = (detail: string): AuditEvent => ({
  actor: "ci#1",
  action: "snapshot.read",
  target: "openai 1,2",
  detail,
  requestId: `req-${detail}`,
});

/** A closed log of some records. */
async function written(home: string, count: number): Promise<void> {
  const log = open(home);
  await Promise.all(
    Array.from({ length: count }, (_, index) => log.record(read(String(index + 1)))),
  );
  log.close();
}

/** Runs SQL on the closed file, triggers out of the way, as a thief with write access would. */
function tamper(home: string, sql: string): void {
  const database = new BetterSqlite3(auditPath(home));
  database.exec(`DROP TRIGGER audit_keeps_rows; DROP TRIGGER audit_keeps_content; ${sql}`);
  database.close();
}

function verify(home: string): AuditVerdict {
  const log = open(home);
  const verdict = log.verify();
  log.close();
  return verdict;
}

async function refusalOf(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Counts the commits that other connections see. */
function watchCommits(home: string): () => number {
  const database = new BetterSqlite3(auditPath(home), { readonly: true });
  cleanups.push(() => database.close());
  const version = () => Number(database.pragma("data_version", { simple: true }));
  const before = version();
  return () => version() - before;
}

describe("recording", () => {
  test("keeps who, when, what and how it ended, in order, in a private file", async () => {
    const home = temporaryHome();
    let nowMs = 1_000;
    const log = open(home, () => nowMs);
    await log.record(read("a"));
    nowMs = 2_000;
    await log.record({ actor: "owner", action: "token.create", outcome: "failed" });
    expect(log.recent({ sinceMs: 0, limit: 10 })).toEqual([
      {
        seq: 1,
        atMs: 1_000,
        actor: "ci#1",
        action: "snapshot.read",
        target: "openai 1,2",
        outcome: "ok",
        detail: "a",
        requestId: "req-a",
      },
      {
        seq: 2,
        atMs: 2_000,
        actor: "owner",
        action: "token.create",
        target: "",
        outcome: "failed",
        detail: "",
        requestId: "",
      },
    ]);
    expect(log.recent({ sinceMs: 2_000, limit: 10 }).map(({ seq }) => seq)).toEqual([2]);
    expect(log.recent({ sinceMs: 0, limit: 1 }).map(({ seq }) => seq)).toEqual([2]);
    log.close();
    for (const path of [auditPath(home), auditHeadPath(home)]) {
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
  });

  test("is over only when another process can read it", async () => {
    const home = temporaryHome();
    const log = open(home);
    const other = open(home);
    await log.record(read("a"));
    expect(other.recent({ sinceMs: 0, limit: 10 }).map(({ detail }) => detail)).toEqual(["a"]);
  });

  test("two thousand at once share a few commits, and are answered within the time limit", async () => {
    const home = temporaryHome();
    const log = open(home);
    await log.record(read("first"));
    const commits = watchCommits(home);
    const startMs = performance.now();
    await Promise.all(Array.from({ length: 2_000 }, (_, index) => log.record(read(String(index)))));
    expect(performance.now() - startMs).toBeLessThan(AUDIT_TIMEOUT_MS);
    expect(commits()).toBeLessThanOrEqual(3);
    log.close();
    expect(verify(home)).toEqual({ isIntact: true, records: 2_001, vouchedFor: 2_001 });
  });

  test("asks SQLite to reach the disk with every commit", () => {
    // openDatabase refuses to go on when what was asked for is not in force.
    const asked = spyOn(BetterSqlite3.prototype, "pragma");
    open(temporaryHome());
    const settings = asked.mock.calls.map(([setting]) => setting);
    asked.mockRestore();
    expect(settings).toContain("synchronous = FULL");
    expect(settings).not.toContain("synchronous = NORMAL");
  });

  test("takes no text that looks like a secret, moves a cursor, or has no end", async () => {
    const home = temporaryHome();
    const log = open(home);
    const secret = `plb_${"aB3".repeat(15).slice(0, 43)}`;
    await log.record({
      actor: `x\u001B[31m${"y".repeat(500)}`,
      action: "credential.upsert",
      target: `mcp https://user:hunter2@host.test \u202E`,
      detail: `${secret} \uD800 \uFFFD ${"z".repeat(5_000)}`,
    });
    log.close();
    expect(verify(home).isIntact).toBe(true);
    const [record] = open(home).recent({ sinceMs: 0, limit: 1 });
    expect(record?.actor.length).toBe(100);
    expect(record?.detail.length).toBe(500);
    const text = JSON.stringify(record);
    for (const gone of [secret, "hunter2", String.raw`\u001b`, "\u202E", "\uFFFD"]) {
      expect(text).not.toContain(gone);
    }
  });
});

describe("what cannot be recorded is refused", () => {
  test("while another process holds the file, within the time limit, and not a moment longer", async () => {
    const home = temporaryHome();
    const log = open(home);
    await log.record(read("before"));
    const holder = new BetterSqlite3(auditPath(home));
    holder.exec("BEGIN IMMEDIATE");
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 10);
    const startMs = performance.now();
    const error = await refusalOf(log.record(read("blocked")));
    const tookMs = performance.now() - startMs;
    clearInterval(ticking);
    expect(error).toBeInstanceOf(AuditUnavailable);
    expect(error).toMatchObject({ code: "audit_unavailable" });
    expect(tookMs).toBeGreaterThanOrEqual(AUDIT_TIMEOUT_MS);
    expect(tookMs).toBeLessThan(AUDIT_TIMEOUT_MS + 500);
    // Nothing else in the process waited with it.
    expect(turns).toBeGreaterThan(20);
    holder.exec("ROLLBACK");
    holder.close();
    await log.record(read("after"));
    expect(log.recent({ sinceMs: 0, limit: 9 }).map(({ detail }) => detail)).toEqual([
      "before",
      "after",
    ]);
  });

  test("but only when it lasts: a file that is let go in time takes the record", async () => {
    const home = temporaryHome();
    const log = open(home);
    const holder = new BetterSqlite3(auditPath(home));
    holder.exec("BEGIN IMMEDIATE");
    const recorded = log.record(read("patient"));
    setTimeout(() => holder.exec("ROLLBACK"), 100);
    await recorded;
    holder.close();
    expect(log.recent({ sinceMs: 0, limit: 9 })).toHaveLength(1);
  });

  test("at once when too many wait already", async () => {
    const log = open(temporaryHome());
    const all = Array.from({ length: MAX_WAITING_RECORDS + 1 }, () => log.record(read("x")));
    const outcomes = await Promise.allSettled(all);
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(1);
    expect(outcomes.at(-1)?.status).toBe("rejected");
  });

  test("by a full disk, until there is room again; nothing half is kept", async () => {
    const disk = mountSmallDisk();
    if (disk === undefined) return skipped("a full disk: no right to mount a small one here");
    const log = open(join(disk, "home"));
    await log.record(read("before"));
    const filler = join(disk, "filler");
    fillUp(filler);
    const refused: unknown[] = [];
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const error = await refusalOf(log.record(read("x".repeat(400))));
      if (error !== undefined) refused.push(error);
    }
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) expect(error).toMatchObject({ code: "audit_unavailable" });
    rmSync(filler);
    await log.record(read("after"));
    log.close();
    const verdict = verify(join(disk, "home"));
    expect(verdict).toMatchObject({ isIntact: true, records: 2 + 40 - refused.length });
  });

  test("once it is closed, at once", async () => {
    const log = open(temporaryHome());
    const waiting = log.record(read("a"));
    log.close();
    expect(await refusalOf(waiting)).toBeUndefined();
    expect(await refusalOf(log.record(read("b")))).toBeInstanceOf(AuditUnavailable);
  });
});

describe("an altered log", () => {
  test("that nobody touched is intact, also when it is empty", async () => {
    const home = temporaryHome();
    expect(verify(home)).toEqual({ isIntact: true, records: 0, vouchedFor: 0 });
    await written(home, 5);
    expect(verify(home)).toEqual({ isIntact: true, records: 5, vouchedFor: 5 });
  });

  test("cannot be made by our own code: rows are kept as they are", async () => {
    const home = temporaryHome();
    await written(home, 3);
    const database = new BetterSqlite3(auditPath(home));
    for (const sql of [
      "UPDATE audit SET actor = 'x'",
      "DELETE FROM audit WHERE seq = 3",
      "INSERT INTO audit SELECT 9, at_ms, actor, action, target, outcome, detail, request_id, hash FROM audit WHERE seq = 1",
    ]) {
      expect(() => database.exec(sql)).toThrow("append-only");
    }
    database.close();
  });

  const changes: readonly (readonly [string, string, number])[] = [
    ["a changed actor", "UPDATE audit SET actor = 'nobody' WHERE seq = 3", 3],
    ["a changed time", "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 3", 3],
    ["a changed outcome", "UPDATE audit SET outcome = 'refused' WHERE seq = 3", 3],
    ["a hash that is none", "UPDATE audit SET hash = x'00' WHERE seq = 3", 3],
    ["a deleted record", "DELETE FROM audit WHERE seq = 3", 3],
    [
      "a deleted record, the gap closed",
      "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3",
      3,
    ],
    ["the first record deleted", "DELETE FROM audit WHERE seq = 1", 1],
    [
      "a swapped pair",
      "UPDATE audit SET seq = -1 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = -1",
      2,
    ],
    [
      "a repeated record",
      "UPDATE audit SET seq = 6 WHERE seq = 5; INSERT INTO audit SELECT 5, at_ms, actor, action, target, outcome, detail, request_id, hash FROM audit WHERE seq = 4",
      5,
    ],
    ["a cut-off end", "DELETE FROM audit WHERE seq > 3", 4],
    ["no record left", "DELETE FROM audit", 1],
  ];
  test.each(changes)("with %s is found out, at its place", async (_, sql, seq) => {
    const home = temporaryHome();
    await written(home, 5);
    tamper(home, `DROP TRIGGER audit_keeps_order; ${sql}`);
    expect(verify(home)).toMatchObject({ isIntact: false, seq });
  });

  test("with a record put at its end by someone without the key is found out", async () => {
    const home = temporaryHome();
    await written(home, 2);
    tamper(
      home,
      "INSERT INTO audit SELECT 3, at_ms, actor, action, target, outcome, detail, request_id, hash FROM audit WHERE seq = 2",
    );
    expect(verify(home)).toMatchObject({ isIntact: false, seq: 3 });
  });

  test("with a genuine record of another course of events is found out where they part", async () => {
    const [home, fork] = [temporaryHome(), temporaryHome()];
    await written(home, 3);
    copyFileSync(auditPath(home), auditPath(fork));
    copyFileSync(auditHeadPath(home), auditHeadPath(fork));
    for (const [at, details] of [
      [home, ["4a", "5a"]],
      [fork, ["4b", "5b"]],
    ] as const) {
      const log = open(at);
      for (const detail of details) await log.record(read(detail));
      log.close();
    }
    tamper(
      home,
      `DELETE FROM audit WHERE seq = 4; ATTACH '${auditPath(fork)}' AS fork;
       DROP TRIGGER audit_keeps_order; INSERT INTO audit SELECT * FROM fork.audit WHERE seq = 4`,
    );
    expect(verify(home)).toMatchObject({ isIntact: false, seq: 5 });
  });

  test("whose head file is gone is not continued", async () => {
    const home = temporaryHome();
    await written(home, 3);
    rmSync(auditHeadPath(home));
    expect(await refusalOf(open(home).record(read("next")))).toBeInstanceOf(AuditBroken);
  });

  test("without its head file, or with a forged one, is found out", async () => {
    const home = temporaryHome();
    await written(home, 3);
    const path = auditHeadPath(home);
    const head = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...head, seq: 2 }));
    expect(verify(home)).toMatchObject({ isIntact: false });
    writeFileSync(path, "{");
    expect(verify(home)).toMatchObject({ isIntact: false });
    rmSync(path);
    expect(verify(home)).toMatchObject({ isIntact: false, problem: "audit.head is missing" });
  });

  test("under another key is not ours", async () => {
    const home = temporaryHome();
    await written(home, 3);
    const log = AuditLog.open(home, { index: new IndexKey(new Uint8Array(32).fill(8)) });
    expect(log.verify()).toMatchObject({ isIntact: false, seq: 1 });
    expect(await refusalOf(log.record(read("x")))).toBeInstanceOf(AuditBroken);
    log.close();
  });

  test("is not continued: whoever cut it off does not get the traces covered by new records", async () => {
    const home = temporaryHome();
    await written(home, 5);
    tamper(home, "DELETE FROM audit WHERE seq > 3");
    const log = open(home);
    const error = await refusalOf(log.record(read("next")));
    expect(error).toBeInstanceOf(AuditBroken);
    expect(error).toMatchObject({ code: "audit_broken" });
    log.close();
    expect(verify(home)).toMatchObject({ isIntact: false, seq: 4 });
  });

  test("is not continued by a process that had it open, even before the head file was written", async () => {
    const home = temporaryHome();
    const log = open(home);
    for (const detail of ["1", "2", "3"]) await log.record(read(detail));
    tamper(home, "DELETE FROM audit WHERE seq > 1");
    expect(await refusalOf(log.record(read("next")))).toBeInstanceOf(AuditBroken);
  });

  test("in any one byte of a record is refused or found out", async () => {
    const home = temporaryHome();
    await written(home, 80);
    const pristine = readFileSync(auditPath(home));
    const cells = recordBytes(pristine);
    expect(cells.length).toBeGreaterThan(80 * 80);
    const copy = temporaryHome();
    copyFileSync(auditHeadPath(home), auditHeadPath(copy));
    const flips = fc.tuple(fc.constantFrom(...cells), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(flips, ([offset, mask]) => {
        const bytes = Buffer.from(pristine);
        bytes[offset] = (bytes[offset] ?? 0) ^ mask;
        writeFileSync(auditPath(copy), bytes, { mode: 0o600 });
        for (const suffix of ["-wal", "-shm"]) rmSync(auditPath(copy) + suffix, { force: true });
        return !verify(copy).isIntact;
      }),
      { numRuns: 400 },
    );
  }, 60_000);
});

/** The offsets of every byte that belongs to a record: the cells of the table's pages (file format, §1.6). */
function recordBytes(file: Buffer): number[] {
  const image = Buffer.from(file);
  // A database in memory cannot have a write-ahead log: bytes 18 and 19 say that it needs none.
  image.fill(1, 18, 20);
  const database = new BetterSqlite3(image);
  const pageSize = Number(database.pragma("page_size", { simple: true }));
  const rootPage = Number(
    database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'audit'").pluck().get(),
  );
  database.close();
  return pagesUnder(file, rootPage, pageSize).flatMap((page) => {
    const start = (page - 1) * pageSize;
    const childBytes = file[start] === LEAF ? 0 : 4;
    return cellsOf(file, start).flatMap((cell) => recordAt(file, start + cell + childBytes));
  });
}

const LEAF = 0x0a;

function pagesUnder(file: Buffer, page: number, pageSize: number): number[] {
  const start = (page - 1) * pageSize;
  if (file[start] === LEAF) return [page];
  const children = cellsOf(file, start).map((cell) => file.readUInt32BE(start + cell));
  const below = [...children, file.readUInt32BE(start + 8)];
  return [page, ...below.flatMap((child) => pagesUnder(file, child, pageSize))];
}

function cellsOf(file: Buffer, start: number): number[] {
  const pointers = start + (file[start] === LEAF ? 8 : 12);
  const count = file.readUInt16BE(start + 3);
  return Array.from({ length: count }, (_, index) => file.readUInt16BE(pointers + 2 * index));
}

// The records of this test are short: one or two bytes of length, nothing on overflow pages.
function recordAt(file: Buffer, start: number): number[] {
  const [first = 0, second = 0] = file.subarray(start);
  const size = first < 128 ? 1 + first : 2 + (first - 128) * 128 + second;
  return Array.from({ length: size }, (_, index) => start + index);
}

const source = (name: string) => JSON.stringify(new URL(name, import.meta.url).pathname);
// Records one event after another and prints the number of each that was acknowledged.
const APPENDER = `
  const { AuditLog } = await import(${source("./audit-log.ts")});
  const { IndexKey } = await import(${source("../vault/seal.ts")});
  const [home, name, count] = process.argv.slice(-3);
  const log = AuditLog.open(home, { index: new IndexKey(new Uint8Array(32).fill(7)) });
  for (let number = 1; number <= Number(count); number += 1) {
    await log.record({ actor: name, action: "snapshot.read", detail: String(number) });
    process.stdout.write(number + "\\n");
  }
  log.close();
`;

function spawnAppender(home: string, name: string, count: number) {
  return Bun.spawn([process.execPath, "-e", APPENDER, home, name, String(count)], {
    stdout: "pipe",
    stderr: "inherit",
  });
}

describe("several processes", () => {
  test("append to one valid chain, and nothing of either is lost", async () => {
    const home = temporaryHome();
    const children = ["a", "b"].map((name) => spawnAppender(home, name, 150));
    expect(await Promise.all(children.map(async ({ exited }) => exited))).toEqual([0, 0]);
    expect(verify(home)).toMatchObject({ isIntact: true, records: 300 });
    const records = open(home).recent({ sinceMs: 0, limit: 1_000 });
    for (const name of ["a", "b"]) {
      const own = records.filter(({ actor }) => actor === name).map(({ detail }) => Number(detail));
      expect(own).toEqual(Array.from({ length: 150 }, (_, index) => index + 1));
    }
  }, 60_000);

  test("that are killed while they append leave a valid chain with every acknowledged record", async () => {
    const home = temporaryHome();
    let least = 0;
    for (let round = 0; round < 15; round += 1) {
      const child = spawnAppender(home, `round-${round}`, 1_000_000);
      let text = "";
      for await (const chunk of child.stdout) {
        text += new TextDecoder().decode(chunk);
        // Somewhere in the middle of a later record; the rest of the output still arrives.
        if (text.length > 20 + round * 7) child.kill("SIGKILL");
      }
      await child.exited;
      const acknowledged = text.slice(0, text.lastIndexOf("\n")).split("\n").length;
      least += acknowledged;
      expect(verify(home)).toMatchObject({ isIntact: true });
      const own = open(home)
        .recent({ sinceMs: 0, limit: 1_000_000 })
        .filter(({ actor }) => actor === `round-${round}`);
      expect(own.length).toBeGreaterThanOrEqual(acknowledged);
    }
    expect(least).toBeGreaterThan(15 * 5);
  }, 90_000);
});

/** A disk of 512 KiB that goes away after the test; undefined without the right to mount one. */
function mountSmallDisk(): string | undefined {
  const disk = join(temporaryHome(), "disk");
  mkdirSync(disk);
  const mount = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", disk];
  if (!isDone(mount)) return undefined;
  cleanups.push(() => isDone(["umount", "-l", disk]));
  return existsSync(disk) ? disk : undefined;
}

function isDone(command: readonly string[]): boolean {
  try {
    return Bun.spawnSync([...command], { stdio: ["ignore", "ignore", "ignore"] }).success;
  } catch {
    return false;
  }
}

/** Takes what is left of the disk, to the last block. */
function fillUp(path: string): void {
  const block = Buffer.alloc(4096);
  try {
    for (;;) appendFileSync(path, block);
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  }
}

function skipped(what: string): void {
  process.stderr.write(`not tested here: ${what}\n`);
}
