// Upstreams and clients at their worst, over real sockets: no stream ends in silence, the upstream learns within
// a second that nobody listens, every place in flight is given back, and memory stays flat.

import { heapStats } from "bun:jsc";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { grammars } from "../grammar/grammar.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";
import {
  type ClosedCall,
  type Misbehaviour,
  type RawUpstream,
  startRawUpstream,
} from "./raw-upstream.ts";
import { type ClientId, clientIds, clients } from "./asking-clients.ts";

const MAX_IN_FLIGHT = 8;
const CLOSED_WITHIN_MS = 1_000;

let behave: Misbehaviour = ({ socket }) => socket.end();
let upstream: RawUpstream;
let gateway: GatewayUnderTest;

beforeAll(async () => {
  upstream = await startRawUpstream((call) => behave(call));
  const host = {
    baseUrl: `${upstream.url}/v1`,
    apiKey: "sk-chaos-0123456789",
    models: [{ id: "m" }],
  };
  gateway = await startGatewayUnderTest({
    config: {
      gateway: { maxInFlight: MAX_IN_FLIGHT, headersTimeoutMs: 400, idleTimeoutMs: 400 },
      // A host that says to wait is left alone for so long; the other tests must not wait with it.
      providers: { host: { ...host, api: "chat" }, limited: { ...host, api: "chat" } },
    },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

// The upstream speaks Chat: one client takes the same-format lane, two have it translated.

interface Asking {
  readonly signal?: AbortSignal;
  readonly model?: string;
}

function ask(client: ClientId, { signal, model = "host/m" }: Asking = {}) {
  const { path, said } = clients[client];
  const init = signal ? { signal } : {};
  return gateway.post(path, { model, stream: true, ...said }, init);
}

const OK = "HTTP/1.1 200 OK\r\n";
const SSE = `${OK}content-type: text/event-stream\r\n`;
const OPEN_ENDED = `${SSE}connection: close\r\n\r\n`;

function delta(content: string): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: null }];
  return `data: ${JSON.stringify({ id: "c", model: "m", choices })}\n\n`;
}

const END = `data: ${JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`;

/** The number of requests in flight, as the gateway counts them. */
async function inFlight(): Promise<number> {
  const headers = { authorization: `Bearer ${gateway.token}` };
  const text = await (await fetch(`${gateway.url}/metrics`, { headers })).text();
  return Number(/^\w*gateway_in_flight(?:\{.*\})? (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

async function expectPlacesBack(): Promise<void> {
  // The count falls when the last step of a request is done, a moment after its client saw the end.
  while ((await inFlight()) > 0) await new Promise((resume) => setImmediate(resume));
  expect(await inFlight()).toBe(0);
}

/** What a client makes of an answer: an error status, or what its stream said. */
async function outcomeOf(client: ClientId, response: Response) {
  const text = await response.text();
  if (response.status !== 200) return { status: response.status, error: text, text: "" };
  const { error, text: said } = grammars[client].readStream(text);
  return { status: 200, error, text: said };
}

async function expectClosed(call: ClosedCall | undefined, since: number): Promise<void> {
  expect(call).toBeDefined();
  expect(((await call?.closedAt) ?? Number.NaN) - since).toBeLessThan(CLOSED_WITHIN_MS);
}

const headForever: Misbehaviour = async ({ write }) => {
  await write(SSE);
  for (let count = 0; await write(`x-more-${count}: ${"y".repeat(1_000)}\r\n`); count += 1);
};

/** Name → what the upstream does instead of answering; none of it may pass for an answer. */
const misbehaviours: Readonly<Record<string, Misbehaviour>> = {
  "takes the request and says nothing": () => undefined,
  "resets before its headers": ({ socket }) => socket.resetAndDestroy(),
  "closes before its headers": ({ socket }) => socket.end(),
  "never ends its headers": headForever,
  "speaks no HTTP": ({ write }) => write("SSH-2.0-OpenSSH_9.6\r\n"),
  "sends a page": async ({ write, socket }) => {
    await write(`${OK}content-type: text/html\r\nconnection: close\r\n\r\n<html>hi</html>\n`);
    socket.end();
  },
  "sends an empty body": async ({ write, socket }) => {
    await write(OPEN_ENDED);
    socket.end();
  },
  "resets in mid-stream": async ({ write, socket }) => {
    await write(OPEN_ENDED + delta("half"));
    // Let what was written arrive: a reset may overtake it.
    setTimeout(() => socket.resetAndDestroy(), 20);
  },
  "closes in mid-stream": async ({ write, socket }) => {
    await write(OPEN_ENDED + delta("half"));
    socket.end();
  },
  "sends less than it announced": async ({ write, socket }) => {
    await write(`${SSE}content-length: 5000\r\n\r\n${delta("half")}`);
    socket.end();
  },
  "breaks its chunks": ({ write }) =>
    write(`${SSE}transfer-encoding: chunked\r\n\r\nzz\r\n${delta("half")}`),
  "falls silent in mid-stream": ({ write }) => write(OPEN_ENDED + delta("half")),
  "says it is gzip, and is not": async ({ write, socket }) => {
    await write(`${SSE}content-encoding: gzip\r\nconnection: close\r\n\r\n${delta("half")}${END}`);
    socket.end();
  },
  "sends half of its gzip": async ({ write, socket }) => {
    // Random, so that half of the bytes are half of the text.
    const packed = gzipSync(delta(randomBytes(8_000).toString("base64")) + END);
    await write(`${SSE}content-encoding: gzip\r\nconnection: close\r\n\r\n`);
    await write(packed.subarray(0, packed.length / 2));
    socket.end();
  },
  "sends an event that is no JSON": async ({ write, socket }) => {
    await write(`${OPEN_ENDED}${delta("half")}data: {"choices": [\n\n`);
    socket.end();
  },
  "sends noise": async ({ write, socket }) => {
    await write(OPEN_ENDED);
    await write(Uint8Array.from({ length: 20_000 }, (_, at) => (at * 7_919) % 256));
    socket.end();
  },
  "sends 5 MB without a line's end": async ({ write, socket }) => {
    await write(`${OPEN_ENDED}data: `);
    for (let megabyte = 0; megabyte < 5; megabyte += 1) await write("x".repeat(1_000_000));
    socket.end();
  },
};

describe.each(Object.entries(misbehaviours))("an upstream that %s", (name, misbehaviour) => {
  test.each(clientIds)("is a failure to a %s client, and is let go of", async (client) => {
    behave = misbehaviour;
    const before = upstream.calls.length;
    const outcome = await outcomeOf(client, await ask(client));
    const endedAt = performance.now();
    expect(outcome.error).toBeDefined();
    if (outcome.status !== 200) expect([500, 502, 503, 504, 529]).toContain(outcome.status);
    for (const call of upstream.calls.slice(before)) await expectClosed(call, endedAt);
    expect([name, upstream.calls.length > before]).toEqual([name, true]);
    await expectPlacesBack();
  });
});

describe.each(clientIds)("a %s client", (client) => {
  test("gets the whole answer of an upstream that drips single bytes", async () => {
    behave = async ({ write, socket }) => {
      socket.setNoDelay(true);
      for (const byte of OPEN_ENDED + delta("drop by drop") + END) {
        await write(byte);
        await new Promise((resume) => setImmediate(resume));
      }
      socket.end();
    };
    expect(await outcomeOf(client, await ask(client))).toMatchObject({
      status: 200,
      text: "drop by drop",
      error: undefined,
    });
  });

  test("gets every 429 of a storm with its wait", async () => {
    const body = JSON.stringify({ error: { message: "slow down", type: "rate_limit_error" } });
    const head = `HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 3\r\n`;
    behave = ({ write }) => write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
    const model = "limited/m";
    for (let wave = 0; wave < 10; wave += 1) {
      const storm = await Promise.all(
        Array.from({ length: MAX_IN_FLIGHT }, () => ask(client, { model })),
      );
      for (const response of storm) {
        expect(response.status).toBe(429);
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
        await response.body?.cancel();
      }
    }
    await expectPlacesBack();
  });

  test("that floods is told to wait, and the others' places stay theirs", async () => {
    behave = ({ write }) => write(OPEN_ENDED + delta("on"));
    const leaving = new AbortController();
    const flood = await Promise.all(
      Array.from({ length: MAX_IN_FLIGHT * 5 }, () => ask(client, { signal: leaving.signal })),
    );
    const served = flood.filter(({ status }) => status === 200);
    const refused = flood.filter(({ status }) => status !== 200);
    expect(served).toHaveLength(MAX_IN_FLIGHT);
    for (const { status, headers } of refused) {
      expect([503, 529, 429]).toContain(status);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    }
    leaving.abort();
    await expectPlacesBack();
  });

  test("that reads nothing slows the upstream instead of filling memory, and may then leave", async () => {
    const CHUNK = delta("x".repeat(64 * 1_024));
    const wrote = { bytes: 0 };
    behave = async ({ write }) => {
      await write(OPEN_ENDED);
      while (await write(CHUNK)) wrote.bytes += CHUNK.length;
    };
    const calls = upstream.calls.length;
    const socket = rawRequest(client);
    // Paused before its request is out, it would not even ask.
    while (upstream.calls.length === calls) await new Promise((resume) => setImmediate(resume));
    socket.pause();
    // The upstream is stalled when it could write nothing for a while that is long for a loopback.
    for (let before = -1; wrote.bytes === 0 || before !== wrote.bytes;) {
      before = wrote.bytes;
      await new Promise((resume) => setTimeout(resume, 100));
    }
    expect(wrote.bytes).toBeLessThan(24 * 1_024 * 1_024);
    const leftAt = performance.now();
    socket.destroy();
    await expectClosed(upstream.calls[calls], leftAt);
    await expectPlacesBack();
  });

  test.each(["in its headers", "in its body"])("that vanishes %s takes no place", async (phase) => {
    const { path } = clients[client];
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const head = `POST ${path} HTTP/1.1\r\nhost: ${new URL(gateway.url).host}\r\nauthorization: Bearer ${gateway.token}\r\n`;
    const rest = `content-type: application/json\r\ncontent-length: 500\r\n\r\n{"model":`;
    await new Promise<void>((resolve) => {
      socket.write(phase === "in its headers" ? head : head + rest, () => resolve());
    });
    socket.destroy();
    await closed;
    await expectPlacesBack();
  });

  test("that vanishes after the last byte leaves nothing behind", async () => {
    behave = async ({ write, socket }) => {
      await write(OPEN_ENDED + delta("all of it") + END);
      socket.end();
    };
    const socket = rawRequest(client);
    let seen = "";
    const last =
      client === "chat" ? "[DONE]" : client === "messages" ? "message_stop" : "response.completed";
    await new Promise<void>((resolve) => {
      socket.on("data", (bytes) => {
        seen += bytes.toString();
        if (seen.includes(last)) resolve();
      });
    });
    socket.destroy();
    await expectPlacesBack();
  });
});

function rawRequest(client: ClientId) {
  const { path, said } = clients[client];
  const body = JSON.stringify({ model: "host/m", stream: true, ...said });
  const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: ${new URL(gateway.url).host}\r\nauthorization: Bearer ${gateway.token}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

test("memory is flat over hundreds of streams that broke, were left or were refused", async () => {
  const rounds: readonly Misbehaviour[] = [
    ({ write }) =>
      write("HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nno"),
    async ({ write, socket }) => {
      await write(OPEN_ENDED + delta("half"));
      socket.end();
    },
    ({ write }) => write(OPEN_ENDED + delta("half")),
  ];
  const round = async (): Promise<void> => {
    for (const client of clientIds) {
      for (const misbehaviour of rounds) {
        behave = misbehaviour;
        const leaving = new AbortController();
        const response = await ask(client, { signal: leaving.signal });
        await response.body?.getReader().read();
        leaving.abort();
      }
    }
    await expectPlacesBack();
  };
  // Strings apart: this test's own copy of the log is made of them.
  const objects = () => {
    Bun.gc(true);
    const { objectCount, objectTypeCounts } = heapStats();
    return objectCount - (objectTypeCounts["string"] ?? 0);
  };
  const ROUNDS = 30;
  for (let warm = 0; warm < ROUNDS; warm += 1) await round();
  const before = objects();
  for (let run = 0; run < ROUNDS; run += 1) await round();
  const requests = ROUNDS * clientIds.length * rounds.length;
  // The upstream keeps a promise of each call. A stream that is not let go of is dozens of objects.
  expect((objects() - before) / requests).toBeLessThan(8);
}, 60_000);
