// One connection: what is sent arrives in order, and a reader who stands still is cut, politely never.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { EventStream, MAX_QUEUED_BYTES } from "./event-stream.ts";

/** More than the sockets of this machine hold. */
const TOO_MUCH = new Uint8Array(16 * 1024 * 1024);
const BEAT = new TextEncoder().encode(": beat\n\n");
const bytes = (text: string) => new TextEncoder().encode(text);

let server: Bun.Server<undefined>;
let opened: PromiseWithResolvers<EventStream>;
let events: string[];
let sockets: Socket[];

beforeEach(() => {
  opened = Promise.withResolvers();
  events = [];
  sockets = [];
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) => {
      const stream = new EventStream({
        signal: request.signal,
        cut: () => events.push("cut"),
        onOver: () => events.push("over"),
      });
      opened.resolve(stream);
      return new Response(stream.body(), { headers: { "content-type": "text/event-stream" } });
    },
  });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.stop(true);
});

/** A connection that reads its first bytes and no more. */
async function openBlocked(): Promise<EventStream> {
  const socket = connect(server.port ?? 0, "127.0.0.1", () =>
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
  );
  sockets.push(socket);
  const stream = await opened.promise;
  stream.send(BEAT);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
  stream.send(TOO_MUCH);
  return stream;
}

test("what is sent arrives in order, before and after the reader begins, and the end is the end", async () => {
  const answer = fetch(server.url);
  const stream = await opened.promise;
  stream.send(bytes("a"));
  stream.send(bytes("b"));
  const response = await answer;
  stream.send(bytes("c"));
  stream.end();
  stream.send(bytes("lost"));
  expect(await response.text()).toBe("abc");
  expect(events).toEqual(["over"]);
});

test("a reader who leaves is told of once", async () => {
  const controller = new AbortController();
  const answer = fetch(server.url, { signal: controller.signal });
  const stream = await opened.promise;
  stream.send(BEAT);
  await answer;
  controller.abort();
  while (events.length === 0) {
    stream.send(BEAT);
    await Bun.sleep(1);
  }
  stream.end();
  expect(events).toEqual(["over"]);
});

test("behind a reader who takes nothing at most the limit is queued, then it is cut, once", async () => {
  const stream = await openBlocked();
  stream.send(new Uint8Array(MAX_QUEUED_BYTES));
  expect(events).toEqual([]);
  stream.send(bytes("x"));
  stream.send(bytes("x"));
  expect(events).toEqual(["cut", "over"]);
});

test("one frame larger than the limit is sent when nothing else waits", async () => {
  const stream = await openBlocked();
  stream.send(new Uint8Array(2 * MAX_QUEUED_BYTES));
  expect(events).toEqual([]);
});

test("a stalled reader gets no sign of life, and is cut when it has stalled for too long", async () => {
  const stream = await openBlocked();
  stream.keepAlive(BEAT, { maxStallMs: 60_000 });
  expect(events).toEqual([]);
  stream.keepAlive(BEAT, { maxStallMs: 0 });
  expect(events).toEqual(["cut", "over"]);
});

test("ending a stalled stream cuts it: nobody waits for a reader", async () => {
  const stream = await openBlocked();
  stream.end();
  expect(events).toEqual(["cut", "over"]);
});

test("a reader who takes up again gets everything that was queued", async () => {
  const stream = await openBlocked();
  stream.send(bytes("the last"));
  const [socket] = sockets;
  let text = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  socket?.on("data", (chunk) => {
    text = (text + String(chunk)).slice(-20);
    if (text.includes("the last")) resolve();
  });
  socket?.resume();
  await promise;
  expect(events).toEqual([]);
});
