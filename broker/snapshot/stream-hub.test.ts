// The hub as a whole is tried over HTTP in http/; here is what takes a clock of its own.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { createLogger } from "#platform";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OWNER } from "../access/principal.ts";
import { ProviderScope } from "../access/permissions.ts";
import { NO_REFRESHER } from "../refresh/schedule.ts";
import { Vault } from "../vault/vault.ts";
import { GenerationWatch } from "./generation-watch.ts";
import { StreamHub } from "./stream-hub.ts";
import { viewOf } from "./view.ts";

let home: string;
let vault: Vault;
let hub: StreamHub;
let recorded: PromiseWithResolvers<void>[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-hub-"));
  vault = Vault.open(home);
  recorded = [];
  hub = new StreamHub({
    vault,
    watch: new GenerationWatch(vault),
    schedule: () => NO_REFRESHER,
    recordSent: () => {
      const record = Promise.withResolvers<void>();
      recorded.push(record);
      return record.promise;
    },
    onReaderEnd: () => () => {},
    log: createLogger({ level: "silent" }),
    nowMs: () => 1_000,
    keepAliveMs: 5,
  });
});

afterEach(() => {
  hub.close();
  vault.close();
  rmSync(home, { recursive: true });
});

function open(controller = new AbortController(), resumeFrom: number | undefined = undefined) {
  const view = viewOf(ProviderScope.all, "whole");
  return hub.open({
    reader: OWNER,
    view,
    resumeFrom,
    signal: controller.signal,
    cut: () => {},
  });
}

async function readUntil(stream: ReadableStream, part: string): Promise<string> {
  let text = "";
  for await (const chunk of stream as ReadableStream<Uint8Array>) {
    text += new TextDecoder().decode(chunk);
    if (text.includes(part)) break;
  }
  return text;
}

test("a silent stream gets comments, and no data", async () => {
  const stream = await open();
  const text = await readUntil(stream.body(), ": keep-alive\n\n");
  expect(text.match(/^data:/gm)).toHaveLength(1);
});

const store = (text: string) => vault.upsert("openai", { type: "api_key", key: text });
/** The same credential again, changed. */
const renew = (n: number) =>
  vault.upsert("openai", { type: "oauth", refresh: "r", access: `a-${n}`, expires: 9e12 });

async function recordedAtLeast(count: number): Promise<void> {
  while (recorded.length < count) await Bun.sleep(0);
}

const marks = (text: string) => text.match(/^(?:id: \d+|: after \d+)$/gm);

test("what changes while the beginning goes on record is held back, and neither lost nor sent twice", async () => {
  store("k-1");
  const opening = open();
  store("k-2");
  await recordedAtLeast(2);
  // The change is on record before the beginning is.
  recorded[1]?.resolve();
  await Bun.sleep(0);
  recorded[0]?.resolve();
  const text = await readUntil((await opening).body(), "id: 3\n");
  expect(marks(text)).toEqual(["id: 2", ": after 2", "id: 3"]);
});

test("a reader who begins ahead of the others is not told again what it has", async () => {
  const first = await open();
  store("k-1");
  await recordedAtLeast(1);
  // The others wait for that to go on record; whoever comes now begins at what has happened since.
  store("k-2");
  renew(1);
  const opening = open();
  await recordedAtLeast(2);
  renew(2);
  recorded[1]?.resolve();
  const second = await opening;
  recorded[0]?.resolve();
  await recordedAtLeast(4);
  for (const record of recorded) record.resolve();
  expect(marks(await readUntil(second.body(), "id: 5\n"))).toEqual(["id: 4", ": after 4", "id: 5"]);
  expect(marks(await readUntil(first.body(), "id: 5\n"))).toEqual([
    "id: 1",
    ": after 1",
    "id: 2",
    ": after 2",
    "id: 3",
    ": after 3",
    "id: 5",
  ]);
});

test("nothing ticks once the last reader has left", async () => {
  const controller = new AbortController();
  await open(controller);
  expect(hub.size).toBe(1);
  controller.abort();
  expect(hub.size).toBe(0);
  vault.close();
  // A poll or a beat would now meet a closed file.
  await Bun.sleep(300);
  vault = Vault.open(home);
});

test("a crowd that comes at once is told everything from one reading, and a change ends that", async () => {
  const streams = [await open(), await open()];
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  const opening = open();
  await recordedAtLeast(2);
  for (const record of recorded) record.resolve();
  streams.push(await opening);
  const texts = await Promise.all(streams.map((stream) => readUntil(stream.body(), "id: 2\n")));
  expect(texts[1]).toBe(texts[0] ?? "");
  expect(texts[2]).toContain("event: snapshot");
  expect(texts[2]).toContain("k-1");
});
