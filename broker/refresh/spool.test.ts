// Who is first decides: the child that claims an attempt, or the broker that takes it back.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExchangeAnswer } from "./exchange-job.ts";
import { livenessOf, ownIdentity } from "./process-identity.ts";
import { Spool } from "./spool.ts";
import { spoolPath } from "./spool-files.ts";
import { sealAnswer } from "./spool-seal.ts";
import { SpoolWriter } from "./spool-writer.ts";

const answer: ExchangeAnswer = { kind: "failed", receivedAtMs: 1, code: "timeout" };

let home: string;
let spool: Spool;
let writer: SpoolWriter;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-spool-"));
  spool = new Spool(home, new Uint8Array(32));
  spool.prepare("a");
  writer = new SpoolWriter(spool.directory, "a");
  writer.reserve();
});

afterEach(() => rmSync(home, { recursive: true }));

test("a claimed attempt cannot be taken back, and tells who claimed it", () => {
  expect(writer.claim(ownIdentity())).toBe(true);
  expect(spool.withdraw("a")).toBe(false);
  expect(spool.stateOf("a")).toBe("sent");
  expect(spool.senderOf("a")).toEqual(ownIdentity());
});

test("an attempt that was taken back cannot be claimed, and leaves nothing", () => {
  expect(spool.withdraw("a")).toBe(true);
  expect(writer.claim(ownIdentity())).toBe(false);
  expect(readdirSync(spool.directory)).toEqual([]);
});

test("an answer is read by its own attempt, whole or not at all", () => {
  writer.claim(ownIdentity());
  const sealed = sealAnswer(JSON.stringify(answer), spool.keyOf("a"), "a");
  writer.put(sealed);
  expect(spool.stateOf("a")).toBe("answered");
  expect(spool.answerOf("a")).toEqual(answer);
  writeFileSync(spoolPath(spool.directory, "b", "answer"), sealed);
  expect(spool.answerOf("b")).toBeUndefined();
  for (let at = 0; at < sealed.length; at += 1) {
    const flipped = Uint8Array.from(sealed, (byte, index) => (index === at ? byte ^ 1 : byte));
    writeFileSync(spoolPath(spool.directory, "a", "answer"), flipped);
    expect(spool.answerOf("a")).toBeUndefined();
  }
});

test("a process is told from its namesakes, and from those of other machines", async () => {
  const own = ownIdentity();
  expect(livenessOf(own)).toBe("runs");
  expect(livenessOf({ ...own, started: "1" })).toBe("ended");
  expect(livenessOf({ ...own, place: "elsewhere" })).toBe("elsewhere");
  const child = Bun.spawn(["true"]);
  await child.exited;
  expect(livenessOf({ ...own, pid: child.pid })).toBe("ended");
});
