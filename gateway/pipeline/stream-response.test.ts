// The caller's side of a stream over a real socket: signs of life, back-pressure, and an end that is noticed once.

import { connect } from "node:net";
import { afterEach, describe, expect, test } from "bun:test";
import { streamResponse, type StreamSource } from "./stream-response.ts";

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function serve(
  source: StreamSource,
  { keepAliveMs = 60_000, stallMs = 60_000 }: { keepAliveMs?: number; stallMs?: number } = {},
): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: ({ signal }) =>
      streamResponse(source, { headers: { "x-extra": "1" }, keepAliveMs, stallMs, signal }),
  });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

function sourceOf(pieces: readonly (string | Promise<string>)[], rest: Partial<StreamSource> = {}) {
  const ended = Promise.withResolvers<boolean>();
  let next = 0;
  const source: StreamSource = {
    next: async () => pieces[next++],
    keepAlive: () => undefined,
    done: ended.resolve,
    ...rest,
  };
  return { source, ended: ended.promise };
}

async function readUntil(response: Response, wanted: string): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(wanted)) {
    const { value, done } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) break;
    text += value;
  }
  return text;
}

describe("a stream", () => {
  test("arrives whole, with its headers, and its end is reported", async () => {
    const { source, ended } = sourceOf(["a", "", "b"]);
    const response = await fetch(serve(source));
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    expect(response.headers.get("x-extra")).toBe("1");
    expect(await response.text()).toBe("ab");
    expect(await ended).toBe(true);
  });

  test("that is silent gets signs of life until it goes on", async () => {
    const more = Promise.withResolvers<string>();
    const { source } = sourceOf(["a\n\n", more.promise], { keepAlive: () => ": ping\n\n" });
    const response = await fetch(serve(source, { keepAliveMs: 5 }));
    const text = await readUntil(response, ": ping\n\n: ping");
    more.resolve("b");
    expect(text).toStartWith("a\n\n: ping\n\n: ping");
  });

  test("gets none where they would break an event", async () => {
    const more = Promise.withResolvers<string>();
    let asked = 0;
    const keepAlive = () => {
      asked += 1;
      if (asked === 3) more.resolve("lf\n\n");
      return undefined;
    };
    const { source } = sourceOf(["ha", more.promise], { keepAlive });
    const response = await fetch(serve(source, { keepAliveMs: 5 }));
    expect(await response.text()).toBe("half\n\n");
    expect(asked).toBe(3);
  });

  test("whose reader leaves is told so once", async () => {
    let endings = 0;
    const left = Promise.withResolvers<boolean>();
    const { source } = sourceOf(["a", new Promise<string>(() => undefined)], {
      done: (isComplete) => {
        endings += 1;
        left.resolve(isComplete);
      },
    });
    const leaving = new AbortController();
    const response = await fetch(serve(source), { signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    expect(await left.promise).toBe(false);
    expect(endings).toBe(1);
  });

  test("whose reader stalls is not read ahead of it", async () => {
    const piece = "x".repeat(256 * 1024);
    let pulled = 0;
    const { source, ended } = sourceOf([], {
      next: async () => {
        pulled += 1;
        return pulled > 400 ? undefined : piece;
      },
    });
    // A raw socket: fetch would read ahead for its caller.
    const { port } = new URL(serve(source));
    const socket = connect(Number(port), "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    // Whatever the server can push ahead, it has pushed by the time it has answered others.
    for (let round = 0; round < 20; round += 1) {
      await (await fetch(serve(sourceOf(["y"]).source))).text();
    }
    expect(pulled).toBeLessThan(100);
    socket.destroy();
    expect(await ended).toBe(false);
  });

  test("whose reader stalls for too long is given up on", async () => {
    const piece = "x".repeat(256 * 1024);
    const { source, ended } = sourceOf([], { next: async () => piece });
    const { port } = new URL(serve(source, { stallMs: 50 }));
    const socket = connect(Number(port), "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    expect(await ended).toBe(false);
    socket.destroy();
  });
});
