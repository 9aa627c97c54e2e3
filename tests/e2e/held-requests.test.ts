// What a stream keeps of the request that asked for it: nothing. A coding agent sends its whole history each time, and
// an answer may take minutes.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";

const STREAMS = 8;
const HISTORY = "x".repeat(1_000_000);
const BEGINNING = `data: ${JSON.stringify({
  object: "chat.completion.chunk",
  model: "m",
  choices: [{ index: 0, delta: { role: "assistant", content: "a" } }],
})}\n\n`;

const over = Promise.withResolvers<void>();
// A server of its own: the scripted upstream keeps what it was asked.
const upstream = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch: async (request) => {
    for await (const _ of request.body ?? []) continue;
    const body = new ReadableStream({
      start: async (controller) => {
        controller.enqueue(new TextEncoder().encode(BEGINNING));
        await over.promise;
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  },
});
let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: {
      providers: {
        up: {
          api: "chat",
          baseUrl: `${upstream.url}v1`,
          apiKey: "sk-test-0123456789",
          models: [{ id: "m" }],
        },
      },
    },
  });
});

afterAll(async () => {
  over.resolve();
  await gateway.stop();
  await upstream.stop(true);
});

function heldBytes(): number {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
}

const messages = [{ role: "user", content: HISTORY }];
const asked = {
  "/v1/chat/completions": { messages },
  "/v1/messages": { max_tokens: 5, messages },
  "/v1/responses": { input: HISTORY, store: false },
};

test.each(Object.entries(asked))("streams on %s hold no request", async (path, said) => {
  const body = JSON.stringify({ model: "up/m", stream: true, ...said });
  const before = heldBytes();
  const readers = [];
  for (let n = 0; n < STREAMS; n++) {
    const response = await gateway.post(path, body);
    expect(response.status).toBe(200);
    const reader = response.body?.getReader();
    await reader?.read();
    readers.push(reader);
  }
  const held = heldBytes() - before;
  // This test's own client holds each body once; the gateway once held it two or three times beside.
  expect(held).toBeLessThan(1.5 * STREAMS * HISTORY.length);
  await Promise.all(readers.map((reader) => reader?.cancel()));
});
