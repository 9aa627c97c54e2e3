// Calls to other hosts over real sockets: what is never called, what is repeated, what counts as cut.

import { afterEach, describe, expect, test } from "bun:test";
import { createOutbound, type OutboundRequest } from "./outbound.ts";
import { OutboundError } from "./outbound-error.ts";

const CANARY = "canary-0123456789";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

type Peer = Bun.Socket<undefined>;
const servers: Bun.TCPSocketListener<undefined>[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true);
});

/** A server that does as told with the n-th request it gets, counted from 1. */
function upstream(act: (peer: Peer, count: number, text: string) => void, onClose = () => {}) {
  let count = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (peer, chunk) => act(peer, ++count, chunk.toString()), close: onClose },
  });
  servers.push(server);
  return { url: `http://127.0.0.1:${server.port}/path?key=${CANARY}`, count: () => count };
}

const delays: number[] = [];
const outbound = createOutbound({
  userAgent: "test/1",
  random: () => 0.5,
  sleep: async (ms) => void delays.push(ms),
});

function send(url: string, options: Partial<OutboundRequest> = {}) {
  return outbound.send({ url, headers: {}, signal: new AbortController().signal, ...options });
}

async function textOf(url: string, options: Partial<OutboundRequest> = {}): Promise<string> {
  return new TextDecoder().decode(await (await send(url, options)).bytes());
}

async function failure(action: () => Promise<unknown>): Promise<OutboundError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof OutboundError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

describe("a call", () => {
  test("carries our own user agent, asks for no compression, and sends bytes as they are", async () => {
    let seen = "";
    const { url } = upstream((peer, _count, text) => {
      seen += text;
      if (seen.includes("body-end")) peer.end(OK);
    });
    const body = new TextEncoder().encode("body-end");
    expect(await textOf(url, { method: "POST", body, headers: { "x-one": "1" } })).toBe("ok");
    expect(seen).toStartWith("POST /path");
    const lower = seen.toLowerCase();
    for (const header of ["user-agent: test/1", "accept-encoding: identity", "x-one: 1"]) {
      expect(lower).toContain(`${header}\r\n`);
    }
  });

  test("returns any status as an answer, and reads it in chunks to the end", async () => {
    const { url } = upstream((peer) => {
      peer.end("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nwait");
    });
    const response = await send(url);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("7");
    expect(new TextDecoder().decode(await response.read())).toBe("wait");
    expect(await response.read()).toBeUndefined();
    expect(await response.read()).toBeUndefined();
    response.cancel();
  });

  test("without a body in the answer reads as ended", async () => {
    const { url } = upstream((peer) => void peer.end("HTTP/1.1 204 No Content\r\n\r\n"));
    expect(await (await send(url)).read()).toBeUndefined();
  });
});

describe("never called", () => {
  for (const url of ["file:///etc/hostname", "data:text/plain,x", "s3://bucket/x", "blob:x"]) {
    test(`${url.split(":")[0]}: URLs`, async () => {
      const requests: string[] = [];
      const strict = createOutbound({
        fetch: async (target) => {
          requests.push(target);
          return new Response();
        },
      });
      const call = { url, headers: {}, signal: new AbortController().signal };
      expect((await failure(() => strict.send(call))).code).toBe("bad_scheme");
      expect(requests).toEqual([]);
    });
  }

  test("a URL with a password, whose error does not show it", async () => {
    const error = await failure(() => send(`http://user:${CANARY}@127.0.0.1/`));
    expect(error.code).toBe("bad_url");
    expect(Bun.inspect(error)).not.toContain(CANARY);
  });

  test("the target of a redirect", async () => {
    const target = upstream((peer) => void peer.end(OK));
    const { url } = upstream((peer) => {
      peer.end(`HTTP/1.1 307 Moved\r\nLocation: ${target.url}\r\nContent-Length: 0\r\n\r\n`);
    });
    expect((await failure(() => send(url, { method: "POST", body: "x" }))).code).toBe(
      "redirect_refused",
    );
    expect(target.count()).toBe(0);
  });

  test("anything with a header that would smuggle another", async () => {
    const { url, count } = upstream((peer) => void peer.end(OK));
    const error = await failure(() => send(url, { headers: { "x-a": `1\r\nx-b: ${CANARY}` } }));
    expect(error.code).toBe("bad_request");
    expect(count()).toBe(0);
  });
});

describe("repeating", () => {
  async function refusedUrl(): Promise<string> {
    const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    server.stop(true);
    return `http://127.0.0.1:${server.port}/?key=${CANARY}`;
  }

  test("a refused connection is tried twice, with a jittered pause, then reported", async () => {
    delays.length = 0;
    const url = await refusedUrl();
    expect((await failure(() => send(url))).code).toBe("connection_refused");
    expect(delays).toEqual([125]);
    await failure(() => send(url, { attempts: 4 }));
    expect(delays).toEqual([125, 125, 125, 125]);
  });

  test("an unknown host is tried again", async () => {
    delays.length = 0;
    expect((await failure(() => send("http://nowhere.invalid/"))).code).toBe("host_not_found");
    expect(delays).toHaveLength(1);
  });

  test("a kept-alive connection that died is replaced, also for POST", async () => {
    const { url, count } = upstream((peer, request) => {
      if (request === 2) peer.terminate();
      else peer.write(OK);
    });
    const post = { method: "POST", body: "x" };
    expect(await textOf(url, post)).toBe("ok");
    expect(await textOf(url, post)).toBe("ok");
    expect(count()).toBe(3);
  });

  test("a first connection that is cut is not: the other side may have begun to work", async () => {
    const { url, count } = upstream((peer) => void peer.terminate());
    const error = await failure(() => send(url, { method: "POST", body: "x", attempts: 5 }));
    expect(error.code).toBe("connection_reset");
    expect(count()).toBe(1);
  });

  test("an answer, whatever its status, is final", async () => {
    const { url, count } = upstream((peer) => {
      peer.end("HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n\r\n");
    });
    expect((await send(url, { attempts: 5 })).status).toBe(429);
    expect(count()).toBe(1);
  });

  test("ends when the caller gives up during the pause", async () => {
    const caller = new AbortController();
    const impatient = createOutbound({ sleep: async () => caller.abort() });
    const url = await refusedUrl();
    const call = { url, headers: {}, signal: caller.signal, attempts: 9 };
    expect((await failure(() => impatient.send(call))).code).toBe("aborted");
  });
});

describe("an answer that is no whole answer is an error", () => {
  const cut: [string, string][] = [
    ["shorter than announced", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"],
    ["without its last chunk", `${CHUNKED}3\r\nabc\r\n`],
  ];
  for (const [name, text] of cut) {
    test(name, async () => {
      const { url } = upstream((peer) => void peer.end(text));
      expect((await failure(() => textOf(url))).code).toBe("connection_reset");
    });
  }

  test("that lies about its compression", async () => {
    const { url } = upstream((peer) => {
      peer.end("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc");
    });
    expect((await failure(() => textOf(url))).code).toBe("bad_encoding");
  });

  test("silent before its headers", async () => {
    const { url } = upstream(() => {});
    const error = await failure(() => send(url, { headersTimeoutMs: 30 }));
    expect(error.code).toBe("timeout_headers");
    expect(error.message).toContain("30 ms");
  });

  test("silent in the middle, and the connection is closed", async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = upstream((peer) => void peer.write(`${CHUNKED}3\r\nabc\r\n`), closed.resolve);
    const response = await send(url, { idleTimeoutMs: 30 });
    expect(await response.read()).toHaveLength(3);
    expect((await failure(() => response.read())).code).toBe("timeout_idle");
    expect((await failure(() => response.read())).code).toBe("timeout_idle");
    await closed.promise;
  });

  test("silent in the middle of what it announced, read whole, and the connection is closed", async () => {
    const closed = Promise.withResolvers<void>();
    const begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    const { url } = upstream((peer) => void peer.write(begun), closed.resolve);
    const response = await send(url, { idleTimeoutMs: 30 });
    expect((await failure(() => response.bytes())).code).toBe("timeout_idle");
    await closed.promise;
  });

  test("larger than allowed, announced or not, and the connection is closed", async () => {
    const announced = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc";
    const counted = `${CHUNKED}b\r\n${"x".repeat(11)}\r\n`;
    for (const answer of [announced, counted]) {
      const closed = Promise.withResolvers<void>();
      const { url } = upstream((peer) => void peer.write(answer), closed.resolve);
      expect((await failure(() => textOf(url, { maxBytes: 10 }))).code).toBe("too_large");
      await closed.promise;
    }
  });

  test("compressed against our wish, an answer longer than its announced length is whole", async () => {
    const packed = Bun.gzipSync("long ".repeat(1_000));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
    const { url } = upstream((peer) => {
      peer.write(head);
      peer.end(packed);
    });
    expect(await textOf(url)).toHaveLength(5_000);
  });

  test("an answer of exactly the limit is whole", async () => {
    const { url } = upstream((peer) => void peer.end(OK));
    expect(await textOf(url, { maxBytes: 2 })).toBe("ok");
  });
});

test("a consumer slower than the idle limit is not mistaken for a silent server", async () => {
  const peers: Peer[] = [];
  const { url } = upstream((peer) => {
    peers.push(peer);
    peer.write(`${CHUNKED}3\r\nabc\r\n`);
  });
  const unread = await send(url, { idleTimeoutMs: 20 });
  await unread.read();
  // Nobody reads while another answer runs into a limit four times as long.
  const other = await send(url, { idleTimeoutMs: 80 });
  await other.read();
  expect((await failure(() => other.read())).code).toBe("timeout_idle");
  peers[0]?.write("0\r\n\r\n");
  expect(await unread.read()).toBeUndefined();
});

describe("the caller gives up", () => {
  test("before the call: nothing is sent", async () => {
    const { url, count } = upstream((peer) => void peer.end(OK));
    expect((await failure(() => send(url, { signal: AbortSignal.abort() }))).code).toBe("aborted");
    expect(count()).toBe(0);
  });

  test("before the headers: the connection is closed", async () => {
    const caller = new AbortController();
    const closed = Promise.withResolvers<void>();
    const { url } = upstream(() => caller.abort(), closed.resolve);
    expect((await failure(() => send(url, { signal: caller.signal }))).code).toBe("aborted");
    await closed.promise;
  });

  test("while reading, and between reads: the connection is closed", async () => {
    for (const isReading of [true, false]) {
      const caller = new AbortController();
      const closed = Promise.withResolvers<void>();
      const { url } = upstream((peer) => void peer.write(`${CHUNKED}3\r\nabc\r\n`), closed.resolve);
      const response = await send(url, { signal: caller.signal });
      await response.read();
      const pending = isReading ? failure(() => response.read()) : undefined;
      caller.abort();
      expect((await (pending ?? failure(() => response.read()))).code).toBe("aborted");
      await closed.promise;
    }
  });

  test("by cancelling the answer: the connection is closed, and a later read says why", async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = upstream((peer) => void peer.write(`${CHUNKED}3\r\nabc\r\n`), closed.resolve);
    const response = await send(url);
    await response.read();
    response.cancel();
    await closed.promise;
    expect((await failure(() => response.read())).code).toBe("aborted");
  });
});

test("no error shows the path, the query or a credential of the URL", async () => {
  const reset = upstream((peer) => void peer.terminate());
  const redirect = upstream((peer) => {
    peer.end(`HTTP/1.1 302 Found\r\nLocation: /?token=${CANARY}\r\nContent-Length: 0\r\n\r\n`);
  });
  for (const url of [reset.url, redirect.url, `http://nowhere.invalid/${CANARY}`, `x:${CANARY}`]) {
    const error = await failure(() =>
      send(url, { headers: { authorization: `Bearer ${CANARY}` } }),
    );
    expect(Bun.inspect(error, { depth: 9 })).not.toContain(CANARY);
    expect(`${error.stack} ${String(error.cause)}`).not.toContain(CANARY);
  }
});
