// A link lets one tab in, once and soon; what it is exchanged for ends; neither is in the file.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { DashPasses, LINK_TTL_MS, MAX_DASH_PASSES, SESSION_TTL_MS } from "./dash-passes.ts";

let home: string;
let nowMs: number;
const opened: DashPasses[] = [];
const open = () => {
  const passes = new DashPasses(home, { nowMs: () => nowMs });
  opened.push(passes);
  return passes;
};

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-passes-"));
  nowMs = Date.UTC(2026, 10, 21);
});
afterEach(() => {
  for (const passes of opened.splice(0)) passes.close();
  rmSync(home, { recursive: true, force: true });
});

test("a link made by one process works once, in another", () => {
  const { secret } = open().makeLink();
  const gateway = open();
  const session = gateway.redeem(secret);
  expect(session?.expiresAtMs).toBe(nowMs + SESSION_TTL_MS);
  expect(gateway.redeem(secret)).toBeUndefined();
  expect(open().redeem(secret)).toBeUndefined();
  expect(open().isOpen(session?.secret ?? "")).toBe(true);
});

test("a link is no session, and a session no link", () => {
  const passes = open();
  const { secret } = passes.makeLink();
  expect(passes.isOpen(secret)).toBe(false);
  const session = passes.redeem(secret)?.secret ?? "";
  expect(passes.redeem(session)).toBeUndefined();
  expect(passes.isOpen(session)).toBe(true);
});

test("both end by themselves, a session also when it is asked to", () => {
  const passes = open();
  const late = passes.makeLink();
  const session = passes.redeem(passes.makeLink().secret)?.secret ?? "";
  nowMs += LINK_TTL_MS;
  expect(passes.redeem(late.secret)).toBeUndefined();
  const other = passes.redeem(passes.makeLink().secret)?.secret ?? "";
  passes.end(other);
  expect([passes.isOpen(session), passes.isOpen(other)]).toEqual([true, false]);
  nowMs += SESSION_TTL_MS;
  expect(passes.isOpen(session)).toBe(false);
});

test.each(["", "pds_", "pdl_short", "plk_".padEnd(47, "a"), "pds_".padEnd(47, "é"), "' OR 1 --"])(
  "%j opens nothing",
  (text) => {
    const passes = open();
    passes.redeem(passes.makeLink().secret);
    expect([passes.isOpen(text), passes.redeem(text)]).toEqual([false, undefined]);
  },
);

test("a guess waits for no writer", () => {
  const writer = open();
  const guesser = open();
  const other = new BetterSqlite3(join(home, "gateway.db"));
  other.exec("BEGIN IMMEDIATE");
  try {
    expect(guesser.redeem("pdl_".padEnd(47, "a"))).toBeUndefined();
    expect(guesser.isOpen("pds_".padEnd(47, "a"))).toBe(false);
    guesser.end("pds_".padEnd(47, "a"));
  } finally {
    other.exec("ROLLBACK");
    other.close();
  }
  expect(writer.redeem(writer.makeLink().secret)).toBeDefined();
});

test("no more than so many are kept, the longest-lived", () => {
  const passes = open();
  const session = passes.redeem(passes.makeLink().secret)?.secret ?? "";
  const links = Array.from({ length: MAX_DASH_PASSES + 5 }, () => {
    nowMs += 1;
    return passes.makeLink().secret;
  });
  expect(passes.isOpen(session)).toBe(true);
  expect(passes.redeem(links[0] ?? "")).toBeUndefined();
  expect(passes.redeem(links.at(-1) ?? "")).toBeDefined();
});

test("the file holds neither a link nor a session", () => {
  const passes = open();
  const link = passes.makeLink().secret;
  const other = passes.makeLink().secret;
  const session = passes.redeem(link)?.secret ?? "";
  const bytes = readdirSync(home)
    .map((name) => readFileSync(join(home, name), "latin1"))
    .join("");
  for (const secret of [link, other, session]) expect(bytes).not.toContain(secret.slice(4));
});
