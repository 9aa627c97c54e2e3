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

test("what changes while the beginning goes on record is held back, and neither lost nor sent twice", async () => {
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  const opening = open();
  vault.upsert("openai", { type: "api_key", key: "k-2" });
  await Promise.resolve();
  await Promise.resolve();
  // The change goes on record before the beginning does.
  for (const record of recorded.toReversed()) record.resolve();
  const stream = await opening;
  for (const record of recorded) record.resolve();
  const text = await readUntil(stream.body(), "id: 3\n");
  expect(text.match(/^id: \d+$/gm)).toEqual(["id: 2", "id: 3"]);
  expect(text).toContain(": after 2\n");
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
