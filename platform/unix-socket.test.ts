// Serving on a socket file, over real sockets: who may connect, whose file it is, how calls go through it.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { RequestHandler } from "./front-door.ts";
import { type HttpServer, serveHttp, type ServeOptions } from "./http-server.ts";
import { ListenError, PortInUseError } from "./listen-error.ts";
import { createLogger } from "./log.ts";
import { createOutbound, type OutboundRequest } from "./outbound.ts";
import { OutboundError } from "./outbound-error.ts";
import { PrivateFileError } from "./private-file.ts";
import { claimUnixSocket, MAX_SOCKET_PATH_BYTES } from "./unix-socket.ts";

let directory = "";
let path = "";
const running: HttpServer[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "us-"));
  path = join(directory, "run", "x.sock");
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop({ graceMs: 0 });
  rmSync(directory, { recursive: true });
});

const hello: RequestHandler = () => new Response("hello");

async function serveAt(
  at: string,
  fetch = hello,
  options: Partial<ServeOptions> = {},
): Promise<HttpServer> {
  const server = serveHttp({
    bind: { hostname: "127.0.0.1", port: 0 },
    unixSocket: await claimUnixSocket(at),
    hasToken: true,
    fetch,
    refuse: ({ status, code }) => Response.json({ refused: code }, { status }),
    log: createLogger({ level: "error", write: () => {} }),
    ...options,
  });
  running.push(server);
  return server;
}

function call(init: RequestInit = {}, url = "http://localhost/x"): Promise<Response> {
  return fetch(url, { ...init, unix: path });
}

async function refusalOf(action: Promise<unknown>): Promise<ListenError> {
  const error = await action.then(
    () => new Error("nothing was refused"),
    (reason: unknown) => reason,
  );
  if (error instanceof ListenError) return error;
  throw error;
}

/** A socket file on which nobody listens any more, as a killed process leaves it. */
async function leaveDeadSocket(at: string): Promise<void> {
  const server = await serveAt(at);
  renameSync(at, `${at}.kept`);
  await server.stop({ graceMs: 0 });
  renameSync(`${at}.kept`, at);
}

describe("the same server on a socket file", () => {
  test("answers there and over TCP, says where, and knows no address of the client", async () => {
    const server = await serveAt(path, (_request, { remoteAddress }) => {
      return new Response(String(remoteAddress()));
    });
    expect(server.socketPath).toBe(path);
    expect(await (await call()).text()).toBe("undefined");
    expect(await (await fetch(server.url)).text()).toBe("127.0.0.1");
  });

  test("is open to its owner only, file and directory", async () => {
    await serveAt(path);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(lstatSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(readdirSync(dirname(path))).toEqual(["x.sock"]);
  });

  test("has the same limits, and refuses other names and web pages", async () => {
    await serveAt(path, hello, { maxBodyBytes: 10 });
    const refused = async (init: RequestInit, url?: string) => (await call(init, url)).json();
    expect((await call({ headers: { host: "LOCALHOST" } })).status).toBe(200);
    for (const host of ["evil.example", "localhost:4000", "127.0.0.1", "localhost.evil.example"]) {
      expect(await refused({ headers: { host } })).toEqual({ refused: "host_refused" });
    }
    expect(await refused({ headers: { origin: "https://evil.example" } })).toEqual({
      refused: "origin_refused",
    });
    expect(await refused({ headers: { "sec-fetch-site": "cross-site" } })).toEqual({
      refused: "cross_site_refused",
    });
    expect(await refused({ method: "POST", body: "x".repeat(11) })).toEqual({
      refused: "body_too_large",
    });
  });

  test("cuts a body that never ends", async () => {
    await serveAt(path, hello, { idleSeconds: 1 });
    const closed = Promise.withResolvers<void>();
    const head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc";
    await Bun.connect({
      unix: path,
      socket: {
        open: (socket) => void socket.write(head),
        data() {},
        close: () => closed.resolve(),
      },
    });
    await closed.promise;
  }, 15_000);

  test("stops as one: an answer in flight is finished, both doors are shut, the file is gone", async () => {
    const arrived = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const server = await serveAt(path, async () => {
      arrived.resolve();
      await go.promise;
      return new Response("finished");
    });
    const answer = call();
    await arrived.promise;
    const stopped = server.stop({ graceMs: 60_000 });
    expect(existsSync(path)).toBe(false);
    await expect(fetch(server.url, { keepalive: false })).rejects.toThrow();
    go.resolve();
    expect(await (await answer).text()).toBe("finished");
    await stopped;
    expect(readdirSync(dirname(path))).toEqual([]);
  });
});

describe("the path", () => {
  test("of a process that died is taken over", async () => {
    await leaveDeadSocket(path);
    expect(lstatSync(path).isSocket()).toBe(true);
    await serveAt(path);
    expect(await (await call()).text()).toBe("hello");
  });

  test("of a process that serves is refused, and that process goes on serving", async () => {
    await serveAt(path);
    const error = await refusalOf(serveAt(path, () => new Response("intruder")));
    expect(error.code).toBe("socket_in_use");
    expect(error.message).toContain(path);
    expect(await (await call({ keepalive: false })).text()).toBe("hello");
  });

  test("claimed by two at once is served by one; the other leaves nothing listening", async () => {
    const claims = [await claimUnixSocket(path), await claimUnixSocket(path)];
    const starts = claims.map((unixSocket) => serveAt(`${path}2`, hello, { unixSocket }));
    const [first, second] = await Promise.allSettled(starts);
    expect(first?.status).toBe("fulfilled");
    expect(second).toMatchObject({ status: "rejected", reason: { code: "socket_in_use" } });
    expect(await (await call({ keepalive: false })).text()).toBe("hello");
    expect(readdirSync(dirname(path))).toEqual(["x.sock"]);
  });

  test("that another server has taken meanwhile is left to it", async () => {
    const old = await serveAt(path);
    rmSync(path);
    await serveAt(path, () => new Response("new"));
    await old.stop({ graceMs: 0 });
    expect(await (await call({ keepalive: false })).text()).toBe("new");
  });

  test("where something else stands is refused, and that stays as it was", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "precious");
    const link = join(directory, "link");
    symlinkSync(file, link);
    const folder = join(directory, "folder");
    mkdirSync(folder);
    for (const taken of [file, link, folder]) {
      expect((await refusalOf(claimUnixSocket(taken))).code).toBe("not_a_socket");
    }
    expect(readFileSync(link, "utf8")).toBe("precious");
  });

  test("in a directory that users share is refused", async () => {
    const shared = mkdtempSync(join(directory, "shared-"));
    Bun.spawnSync(["chmod", "1777", shared]);
    await expect(claimUnixSocket(join(shared, "x"))).rejects.toThrow(PrivateFileError);
  });

  test("may be as long as the system allows, and one byte more is an error that says so", async () => {
    const longest = join(directory, "n".repeat(MAX_SOCKET_PATH_BYTES - directory.length - 1));
    path = longest;
    await serveAt(longest);
    expect(await (await call()).text()).toBe("hello");
    const error = await refusalOf(claimUnixSocket(`${longest}n`));
    expect(error.code).toBe("socket_path_invalid");
    expect(error.message).toContain(`${MAX_SOCKET_PATH_BYTES + 1} bytes`);
  });

  test("that is no path is refused", async () => {
    for (const text of ["", "\0abstract"]) {
      expect((await refusalOf(claimUnixSocket(text))).code).toBe("socket_path_invalid");
    }
  });

  test("is not left behind when the TCP port is taken", async () => {
    const first = await serveAt(path);
    const bind = { hostname: "127.0.0.1", port: first.port };
    const other = join(directory, "run", "other.sock");
    await expect(serveAt(other, hello, { bind })).rejects.toThrow(PortInUseError);
    expect(existsSync(other)).toBe(false);
  });

  test("that is refused does not leave the TCP port taken", async () => {
    const claim = await claimUnixSocket(path);
    const first = await serveAt(path);
    const { port } = await freePort();
    const bind = { hostname: "127.0.0.1", port };
    const start = serveAt(`${path}2`, hello, { bind, unixSocket: claim });
    expect((await refusalOf(start)).code).toBe("socket_in_use");
    await first.stop({ graceMs: 0 });
    await serveAt(path, hello, { bind });
  });
});

async function freePort(): Promise<{ port: number }> {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  server.stop(true);
  return { port: server.port };
}

describe("a call over a socket", () => {
  const outbound = createOutbound({ sleep: async () => {} });
  const send = (options: Partial<OutboundRequest> = {}) =>
    outbound.send({
      url: "http://localhost/x",
      unixSocket: path,
      headers: {},
      signal: new AbortController().signal,
      ...options,
    });
  const codeOf = (action: Promise<unknown>) =>
    action.then(
      () => "answered",
      (error: unknown) => (error instanceof OutboundError ? error.code : String(error)),
    );

  test("reaches the server behind it, and no other one of the same name", async () => {
    const other = join(directory, "run", "other.sock");
    await serveAt(path, (_request, { body }) => new Response(body));
    await serveAt(other, () => new Response("other"));
    for (const body of ["one", "two"]) {
      const answer = await send({ method: "POST", body });
      expect(new TextDecoder().decode(await answer.bytes())).toBe(body);
      const wrong = await send({ unixSocket: other });
      expect(new TextDecoder().decode(await wrong.bytes())).toBe("other");
    }
  });

  test("to a missing or dead socket is a refused connection, named by its path", async () => {
    const missing = send();
    await expect(missing).rejects.toThrow(path);
    expect(await codeOf(missing)).toBe("connection_refused");
    await leaveDeadSocket(path);
    expect(await codeOf(send())).toBe("connection_refused");
  });

  test("cut on its first connection is not repeated because another socket has answered before", async () => {
    await serveAt(path);
    await (await send()).bytes();
    let count = 0;
    const unix = join(directory, "cut.sock");
    const cutting = Bun.listen({
      unix,
      socket: {
        data: (peer) => {
          count += 1;
          peer.terminate();
        },
      },
    });
    expect(await codeOf(send({ unixSocket: unix }))).toBe("connection_reset");
    expect(count).toBe(1);
    cutting.stop(true);
  });

  test("with an empty path never goes to the URL's host", async () => {
    const server = await serveAt(path);
    expect(await codeOf(send({ unixSocket: "", url: server.url }))).toBe("bad_url");
  });

  test("keeps to its limits", async () => {
    await serveAt(path, async ({ url, signal }) => {
      if (url.endsWith("/large")) return new Response("x".repeat(11));
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return new Response();
    });
    expect(await codeOf(send({ headersTimeoutMs: 30 }))).toBe("timeout_headers");
    const large = send({ url: "http://localhost/large", maxBytes: 10 });
    expect(await codeOf(large.then((answer) => answer.bytes()))).toBe("too_large");
    const caller = new AbortController();
    const aborted = codeOf(send({ signal: caller.signal }));
    caller.abort();
    expect(await aborted).toBe("aborted");
  });

  test("reads an event stream without end for as long as it likes, limits set to Infinity", async () => {
    const events = new TransformStream<string, string>();
    const writer = events.writable.getWriter();
    const left = Promise.withResolvers<void>();
    await serveAt(
      path,
      ({ signal }) => {
        signal.addEventListener("abort", () => left.resolve());
        const headers = { "content-type": "text/event-stream" };
        return new Response(events.readable.pipeThrough(new TextEncoderStream()), { headers });
      },
      { idleSeconds: 1 },
    );
    const unlimited = { idleTimeoutMs: Infinity, headersTimeoutMs: Infinity, maxBytes: Infinity };
    void writer.write("data: 0\n\n");
    const stream = await send(unlimited);
    for (let count = 0; count < 100; count++) {
      if (count > 0) void writer.write(`data: ${count}\n\n`);
      expect(new TextDecoder().decode(await stream.read())).toBe(`data: ${count}\n\n`);
    }
    stream.cancel();
    await left.promise;
  });

  test("is told when an event stream falls silent for longer than it allows", async () => {
    await serveAt(path, () => {
      const silent = new ReadableStream({
        start: (controller) => controller.enqueue("data: 0\n\n"),
      });
      return new Response(silent, { headers: { "content-type": "text/event-stream" } });
    });
    const stream = await send({ idleTimeoutMs: 30 });
    await stream.read();
    expect(await codeOf(stream.read())).toBe("timeout_idle");
  });
});
