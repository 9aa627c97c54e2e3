// Whoever waits for a change is woken by one, from any process, and by nothing else but time or abort.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GenerationWatch } from "./generation-watch.ts";
import { Vault } from "../vault/vault.ts";

const NEVER_MS = 60_000;
const all = { key: "", sees: undefined };
const idle = new AbortController().signal;

let home: string;
let vault: Vault;
let watch: GenerationWatch;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-watch-"));
  vault = Vault.open(home);
  watch = new GenerationWatch(vault, { pollMs: 5 });
});

afterEach(() => {
  watch.close();
  vault.close();
  rmSync(home, { recursive: true });
});

test("a wait for a generation that is already past returns at once", async () => {
  await watch.wait(vault.generation - 1, { reader: all, timeoutMs: NEVER_MS, signal: idle });
});

test("a change in this process wakes everyone who waits", async () => {
  const waits = [1, 2, 3].map(() =>
    watch.wait(1, { reader: all, timeoutMs: NEVER_MS, signal: idle }),
  );
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  await Promise.all(waits);
});

test("a change by another process wakes them too", async () => {
  const waiting = watch.wait(1, { reader: all, timeoutMs: NEVER_MS, signal: idle });
  const other = Vault.open(home);
  other.upsert("openai", { type: "api_key", key: "k-1" });
  other.close();
  await waiting;
  expect(vault.generation).toBe(2);
});

test("a change that the reader may not see wakes nobody, and the next one does", async () => {
  const openai = { key: "openai", sees: (provider: string) => provider === "openai" };
  let isAwake = false;
  const waiting = watch.wait(1, { reader: openai, timeoutMs: NEVER_MS, signal: idle });
  void waiting.then(() => (isAwake = true));
  const everything = watch.wait(1, { reader: all, timeoutMs: NEVER_MS, signal: idle });
  vault.upsert("anthropic", { type: "api_key", key: "k-1" });
  await everything;
  await Bun.sleep(0);
  expect(isAwake).toBe(false);
  vault.upsert("openai", { type: "api_key", key: "k-2" });
  await waiting;
});

test("nothing is polled while nobody waits", async () => {
  const waiting = watch.wait(1, { reader: all, timeoutMs: 1, signal: idle });
  await waiting;
  vault.close();
  // A poll would now meet a closed file.
  await Bun.sleep(20);
  vault = Vault.open(home);
});

test("without a change the wait ends when its time is over", async () => {
  await watch.wait(1, { reader: all, timeoutMs: 1, signal: idle });
  expect(vault.generation).toBe(1);
});

test("an abort ends the wait, before it began or during it", async () => {
  await watch.wait(1, { reader: all, timeoutMs: NEVER_MS, signal: AbortSignal.abort() });
  const controller = new AbortController();
  const waiting = watch.wait(1, { reader: all, timeoutMs: NEVER_MS, signal: controller.signal });
  controller.abort();
  await waiting;
});

test("closing lets everyone go, and later waits are not held", async () => {
  const waiting = watch.wait(1, { reader: all, timeoutMs: NEVER_MS, signal: idle });
  watch.close();
  await waiting;
  await watch.wait(1, { reader: all, timeoutMs: NEVER_MS, signal: idle });
});
