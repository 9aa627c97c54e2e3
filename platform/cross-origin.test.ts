// What a browser is told about pages of other origins, over a real socket.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MAX_ASKED_HEADERS_CHARS } from "./cross-origin.ts";
import { type HttpServer, serveHttp, type ServeOptions } from "./http-server.ts";
import { createLogger } from "./log.ts";

const LISTED = "https://chat.example";
const servers: HttpServer[] = [];
const start = (options: Partial<ServeOptions>) => {
  const server = serveHttp({
    bind: { hostname: "127.0.0.1", port: 0 },
    hasToken: true,
    admit: ({ headers }) =>
      headers.has("authorization") ? undefined : Response.json({}, { status: 401 }),
    fetch: () => Response.json({ ok: true }, { headers: { vary: "accept" } }),
    refuse: ({ status, code }) => Response.json({ code }, { status }),
    log: createLogger({ level: "debug", write: () => undefined }),
    ...options,
  });
  servers.push(server);
  return server;
};

let listing: HttpServer;
let closed: HttpServer;
beforeAll(() => {
  listing = start({ allowedOrigins: [LISTED], maxBodyBytes: 10 });
  closed = start({});
});
afterAll(() => Promise.all(servers.map((server) => server.stop({ graceMs: 0 }))));

const crossing = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => /^access-control|^vary$/.test(name)));
const preflight = (server: HttpServer, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/v1/messages`, {
    method: "OPTIONS",
    headers: { origin: LISTED, "access-control-request-method": "POST", ...headers },
  });

describe("a page of a listed origin", () => {
  test("is told what it may send, without a key and in its own name", async () => {
    const answer = await preflight(listing, {
      "access-control-request-headers": "authorization,content-type,x-api-key",
      "access-control-request-private-network": "true",
    });
    expect(answer.status).toBe(204);
    expect(crossing(answer)).toEqual({
      "access-control-allow-origin": LISTED,
      "access-control-allow-methods": "GET, POST, DELETE",
      "access-control-allow-headers": "authorization,content-type,x-api-key",
      "access-control-allow-private-network": "true",
      "access-control-expose-headers": "*",
      "access-control-max-age": "600",
      vary: "origin",
    });
  });

  test("is not told of headers that are none", async () => {
    for (const asked of ["a b", "a,,b", "x".repeat(MAX_ASKED_HEADERS_CHARS + 1)]) {
      const answer = await preflight(listing, { "access-control-request-headers": asked });
      expect(answer.status).toBe(204);
      expect(answer.headers.has("access-control-allow-headers")).toBe(false);
    }
  });

  test("may read every answer, a refusal too, and is never asked for cookies", async () => {
    const ask = (body: string, headers: Record<string, string>) =>
      fetch(listing.url, { method: "POST", body, headers: { origin: LISTED, ...headers } });
    for (const [status, answer] of [
      [200, await ask("x", { authorization: "a" })],
      [401, await ask("x", {})],
      [413, await ask("x".repeat(11), { authorization: "a" })],
    ] as const) {
      expect(answer.status).toBe(status);
      const { vary, ...allowed } = crossing(answer);
      expect(vary).toEndWith("origin");
      expect(allowed).toEqual({
        "access-control-allow-origin": LISTED,
        "access-control-expose-headers": "*",
      });
    }
  });
});

test.each([
  "https://chat.example.evil.example",
  "https://chat.example:444",
  "http://chat.example",
  "https://CHAT.example",
  "null",
])("a page of %s is refused, and may not read why", async (origin) => {
  const answer = await preflight(listing, { origin });
  expect(answer.status).toBe(403);
  expect(crossing(answer)).toEqual({ vary: "origin" });
});

test("without a list nobody is let in, and no answer speaks of it", async () => {
  const answer = await preflight(closed);
  expect([answer.status, crossing(answer)]).toEqual([403, {}]);
  const own = await fetch(closed.url);
  expect(crossing(own)).toEqual({ vary: "accept" });
});
