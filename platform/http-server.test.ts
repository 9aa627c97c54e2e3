// The front door over real sockets: who may bind, who may call, what a body may cost, how it stops.

import { afterEach, describe, expect, test } from "bun:test";
import type { RequestHandler } from "./front-door.ts";
import { type HttpServer, serveHttp, type ServeOptions, unauthenticated } from "./http-server.ts";
import { ListenError, PortInUseError, UnsafeBindError } from "./listen-error.ts";
import { createLogger } from "./log.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
const running: HttpServer[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop({ graceMs: 0 });
});

function serve(fetch: RequestHandler, options: Partial<ServeOptions> = {}) {
  const lines: string[] = [];
  const server = serveHttp({
    bind: LOOPBACK,
    hasToken: true,
    fetch,
    refuse: ({ status, code }) => Response.json({ refused: code }, { status }),
    log: createLogger({ level: "debug", write: (line) => void lines.push(line) }),
    ...options,
  });
  running.push(server);
  return { server, lines };
}

const echo: RequestHandler = (request, { body }) =>
  new Response(
    `${request.method} ${new URL(request.url).pathname} ${new TextDecoder().decode(body)}`,
  );

/** Sends bytes as they are; resolves with all that came back once the server closes. */
function exchange(port: number, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = "";
  void Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write(text),
      data: (_socket, chunk) => void (received += chunk.toString()),
      close: () => resolve(received),
      error: () => resolve(received),
    },
  });
  return promise;
}

const closing = (port: number) => `Host: 127.0.0.1:${port}\r\nConnection: close\r\n`;

describe("binding", () => {
  test("prints an address that works, also for localhost, which is bound as 127.0.0.1", async () => {
    const { server } = serve(echo, { bind: { hostname: "localhost", port: 0 } });
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(await (await fetch(`${server.url}/a`)).text()).toBe("GET /a ");
  });

  test("beyond loopback without a token is refused with the reason and the fix", () => {
    for (const hostname of ["0.0.0.0", "::", "192.0.2.1"]) {
      const bind = { hostname, port: 0 };
      const start = () => serve(echo, { bind, hasToken: false, [unauthenticated]: true });
      expect(start).toThrow(UnsafeBindError);
      expect(start).toThrow("Set a token, or bind to 127.0.0.1");
    }
  });

  test("on loopback without a token must be said aloud", async () => {
    expect(() => serve(echo, { hasToken: false })).toThrow("[unauthenticated]: true");
    const { server } = serve(echo, { hasToken: false, [unauthenticated]: true });
    expect((await fetch(server.url)).status).toBe(200);
  });

  test("a busy port is a typed error that names the address", () => {
    const { server } = serve(echo);
    const bind = { hostname: "127.0.0.1", port: server.port };
    expect(() => serve(echo, { bind })).toThrow(PortInUseError);
    expect(() => serve(echo, { bind })).toThrow(`127.0.0.1:${server.port}`);
  });

  test("an address of another machine is not called a busy port", () => {
    const start = () => serve(echo, { bind: { hostname: "203.0.113.9", port: 0 } });
    expect(start).toThrow(ListenError);
    expect(start).not.toThrow(PortInUseError);
  });
});

describe("the names an operator lists", () => {
  const statusOf = async (server: HttpServer, host: string, path = "/") =>
    (await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { host } })).status;
  const allowedHosts = ["Broker.example", "other.example:8443"];

  for (const hostname of ["127.0.0.1", "0.0.0.0"]) {
    test(`are accepted beside loopback's on ${hostname}, and no others, on any route`, async () => {
      const { server } = serve(echo, { bind: { hostname, port: 0 }, allowedHosts });
      const { port } = server;
      const own = ["broker.example", `broker.example:${port}`, "other.example:8443"];
      for (const host of [...own, `127.0.0.1:${port}`])
        expect(await statusOf(server, host)).toBe(200);
      const foreign = ["broker.example:1", "other.example", "evil.broker.example", "evil.example"];
      for (const host of foreign) {
        expect(await statusOf(server, host)).toBe(403);
        expect(await statusOf(server, host, "/healthz")).toBe(403);
      }
    });
  }

  test("are any, when none is listed beyond loopback", async () => {
    const { server } = serve(echo, { bind: { hostname: "0.0.0.0", port: 0 } });
    expect(await statusOf(server, "broker.example")).toBe(200);
  });

  test("must be names: anything else would never match", () => {
    for (const name of ["https://broker.example", "", "a.example, b.example", "::1", "*"]) {
      const start = () => serve(echo, { allowedHosts: ["a.example", name] });
      expect(start).toThrow(ListenError);
      expect(start).toThrow(`${JSON.stringify(name)} is not a name`);
    }
  });
});

describe("a request", () => {
  test("carries the address it came from, written the same on a socket of both kinds", async () => {
    for (const hostname of ["127.0.0.1", "::"]) {
      const { server } = serve((_request, control) => new Response(control.remoteAddress()), {
        bind: { hostname, port: 0 },
      });
      const answer = await fetch(`http://127.0.0.1:${server.port}`);
      expect(await answer.text()).toBe("127.0.0.1");
    }
  });

  test("with a hostile Host, Origin or method never reaches the handler", async () => {
    let handled = 0;
    const { server } = serve(() => new Response(String(++handled)));
    const { port } = server;
    const own = `Host: 127.0.0.1:${port}\r\n`;
    const cases: [string, string][] = [
      ["GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"],
      [`GET / HTTP/1.1\r\n${own}Host: evil.example\r\n\r\n`, "400"],
      [`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}@evil.example\r\n\r\n`, "400"],
      [`GET / HTTP/1.1\r\n${own}Origin: https://evil.example\r\n\r\n`, "403"],
      [`GET / HTTP/1.1\r\n${own}Sec-Fetch-Site: cross-site\r\n\r\n`, "403"],
      [`CONNECT evil.example:443 HTTP/1.1\r\n${own}\r\n`, "405"],
    ];
    for (const [text, status] of cases) {
      expect(await exchange(port, text)).toStartWith(`HTTP/1.1 ${status} `);
    }
    expect(handled).toBe(0);
  });

  test("from an allowed origin does", async () => {
    const { server } = serve(echo, { allowedOrigins: ["https://app.example"] });
    const headers = { origin: "https://app.example" };
    expect((await fetch(server.url, { headers })).status).toBe(200);
  });

  test("with a body on GET is answered, the body ignored", async () => {
    const { server } = serve(echo);
    const head = `GET /x HTTP/1.1\r\n${closing(server.port)}`;
    expect(await exchange(server.port, `${head}Content-Length: 3\r\n\r\nabc`)).toContain("GET /x");
  });

  test("whose handler throws gets a 500 that says nothing, and one log line that does", async () => {
    const { server, lines } = serve(() => {
      throw new Error("inner detail");
    });
    const response = await fetch(server.url);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('{"refused":"internal_error"}');
    expect(lines.join("")).toContain("inner detail");
  });

  for (const method of ["GET", "POST"]) {
    test(`whose client leaves aborts the signal of a ${method}`, async () => {
      const left = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<void>();
      const { server } = serve(async (request) => {
        request.signal.addEventListener("abort", () => left.resolve());
        arrived.resolve();
        await left.promise;
        return new Response();
      });
      const client = new AbortController();
      const body = method === "POST" ? { body: "x" } : {};
      const answer = fetch(server.url, { method, signal: client.signal, ...body });
      await arrived.promise;
      client.abort();
      await expect(answer).rejects.toThrow();
      await left.promise;
    });
  }
});

describe("a body", () => {
  const chunked = (port: number, body: string) =>
    `POST /b HTTP/1.1\r\n${closing(port)}Transfer-Encoding: chunked\r\n\r\n` +
    `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

  test("of exactly the limit is taken, announced or chunked", async () => {
    const { server } = serve(echo, { maxBodyBytes: 100 });
    const body = "x".repeat(100);
    expect(await (await fetch(server.url, { method: "POST", body })).text()).toEndWith(body);
    expect(await exchange(server.port, chunked(server.port, body))).toEndWith(body);
  });

  test("one byte larger is refused in the caller's envelope, announced or chunked", async () => {
    let handled = 0;
    const { server } = serve(() => new Response(String(++handled)), { maxBodyBytes: 100 });
    const body = "x".repeat(101);
    const announced = await fetch(server.url, { method: "POST", body });
    expect(announced.status).toBe(413);
    expect(await announced.json()).toEqual({ refused: "body_too_large" });
    const counted = await exchange(server.port, chunked(server.port, body));
    expect(counted).toStartWith("HTTP/1.1 413 ");
    expect(counted).toContain("body_too_large");
    expect(handled).toBe(0);
  });

  test("that never ends is cut; a slow handler and a silent event stream are not", async () => {
    const slowIsCut = Promise.withResolvers<string>();
    const { server } = serve(
      async (request) => {
        if (request.url.endsWith("/late")) {
          await slowIsCut.promise;
          return new Response("late answer");
        }
        const stream = new ReadableStream({
          async start(controller) {
            controller.enqueue("data: first\n\n");
            await slowIsCut.promise;
            controller.enqueue("data: last\n\n");
            controller.close();
          },
        });
        return new Response(stream, { headers: { "content-type": "text/event-stream" } });
      },
      { idleSeconds: 1 },
    );
    const late = fetch(`${server.url}/late`, { method: "POST", body: "x" });
    const events = fetch(`${server.url}/events`);
    const head = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Length: 9\r\n\r\n`;
    slowIsCut.resolve(await exchange(server.port, `${head}abc`));
    expect(await slowIsCut.promise).toBe("");
    expect(await (await late).text()).toBe("late answer");
    expect(await (await events).text()).toBe("data: first\n\ndata: last\n\n");
  }, 15_000);
});

describe("stopping", () => {
  test("lets an answer in flight finish, and takes no new connection", async () => {
    const arrived = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { server } = serve(async () => {
      arrived.resolve();
      await go.promise;
      return new Response("finished");
    });
    const answer = fetch(server.url);
    await arrived.promise;
    const stopped = server.stop({ graceMs: 60_000 });
    await expect(fetch(server.url, { keepalive: false })).rejects.toThrow();
    go.resolve();
    expect(await (await answer).text()).toBe("finished");
    await stopped;
  });

  test("cuts what is still in flight when the grace is over", async () => {
    const arrived = Promise.withResolvers<void>();
    const { server } = serve(async () => {
      arrived.resolve();
      await new Promise(() => {});
      return new Response();
    });
    const answer = fetch(server.url);
    const settled = answer.then(
      () => "answered",
      () => "cut",
    );
    await arrived.promise;
    await server.stop({ graceMs: 10 });
    expect(await settled).toBe("cut");
  });
});
