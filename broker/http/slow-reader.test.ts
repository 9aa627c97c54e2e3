// A reader who takes nothing costs a bounded amount of memory and then its connection; the others do not notice.

import { afterEach, beforeEach, expect, test } from "bun:test";
import type { HttpServer } from "#platform";
import { connect, type Socket } from "node:net";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";
import { StreamReader } from "./stream-reader.ts";

/** More than sockets of this machine hold, with the queue behind them. */
const FRAMES = 600;
const FRAME_BYTES = 30_000;
const READERS = 20;
/** Frames between two looks at the memory. */
const LOOK_EVERY = 25;
/** Half of what it costs when the runtime is left to buffer for them. */
const MAX_GROWTH_BYTES = (READERS * FRAMES * FRAME_BYTES) / 2;

let broker: BrokerUnderTest;
let server: HttpServer;
let sockets: Socket[];

beforeEach(() => {
  broker = brokerUnderTest({ logLevel: "silent" });
  server = broker.listen();
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  broker.app.close();
  await server.stop({ graceMs: 0 });
  broker.close();
});

/** Connects, waits for the beginning, and never reads again. */
async function neverRead(): Promise<Socket> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(server.port, "127.0.0.1", () =>
    socket.write(
      `GET /v1/snapshot/stream HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${broker.ownerToken}\r\n\r\n`,
    ),
  );
  socket.once("data", () => {
    socket.pause();
    resolve();
  });
  sockets.push(socket);
  await promise;
  return socket;
}

async function openStreams(): Promise<number> {
  const text = await (await broker.ask("/metrics")).text();
  return Number(/^broker_streams (\d+)$/m.exec(text)?.[1]);
}

test("readers who take nothing are cut at a bounded cost, and the one who reads gets everything", async () => {
  await Promise.all(Array.from({ length: READERS }, neverRead));
  const reader = await StreamReader.open(server.url, { token: broker.ownerToken });
  await reader.next();
  expect(await openStreams()).toBe(READERS + 1);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let highest = before;
  for (let n = 0; n < FRAMES; n += 1) {
    const access = `${n}-`.padEnd(FRAME_BYTES, "x");
    broker.vault.upsert("openai", { type: "oauth", refresh: "r", access, expires: 9e12 });
    await reader.until(broker.vault.generation);
    if (n % LOOK_EVERY !== 0) continue;
    // What nobody holds any more says nothing about the readers.
    Bun.gc(true);
    highest = Math.max(highest, process.memoryUsage.rss());
  }
  expect(reader.frames).toHaveLength(FRAMES + 1);
  expect(await openStreams()).toBe(1);
  expect(highest - before).toBeLessThan(MAX_GROWTH_BYTES);
  const [first] = sockets;
  if (first) expect(await closed(first)).toBeLessThan(FRAMES * FRAME_BYTES);
  reader.leave();
}, 60_000);

/** Reads what is left until the connection ends; resolves to how much it was. */
function closed(socket: Socket): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let bytes = 0;
  socket.on("data", (chunk) => (bytes += chunk.length));
  socket.on("error", () => {});
  socket.on("close", () => resolve(bytes));
  socket.resume();
  return promise;
}
