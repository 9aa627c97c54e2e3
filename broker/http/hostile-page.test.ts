// No page in a browser reaches any route, health and metrics included, whatever name it has found for this machine.

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { HttpServer } from "#platform";
import { connect } from "node:net";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";

let broker: BrokerUnderTest;
let server: HttpServer;

beforeAll(() => {
  broker = brokerUnderTest({ logLevel: "silent" });
  server = broker.listen();
});

afterAll(async () => {
  broker.app.close();
  await server.stop({ graceMs: 0 });
  broker.close();
});

/** One request as its bytes, because a client library would not send these; resolves to the status. */
function send(lines: readonly string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const socket = connect(server.port, "127.0.0.1", () =>
    socket.write(`${lines.join("\r\n")}\r\n\r\n`),
  );
  socket.once("data", (bytes) => {
    resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(String(bytes))?.[1]));
    socket.destroy();
  });
  socket.once("close", () => resolve(0));
  socket.once("error", reject);
  return promise;
}

const own = () => `Host: 127.0.0.1:${server.port}`;
const HOSTILE: readonly (readonly [string, () => readonly string[]])[] = [
  ["another Host", () => ["Host: evil.example"]],
  ["another port", () => ["Host: 127.0.0.1:1"]],
  ["two Hosts", () => [own(), "Host: evil.example"]],
  ["two Hosts in one line", () => [`${own()}, evil.example`]],
  ["a user before the Host", () => [`Host: 127.0.0.1:${server.port}@evil.example`]],
  ["an empty Host", () => ["Host:"]],
  ["no Host", () => []],
  ["a foreign Origin", () => [own(), "Origin: https://evil.example"]],
  ["the null Origin", () => [own(), "Origin: null"]],
  ["a call from another site", () => [own(), "Sec-Fetch-Site: cross-site"]],
  [
    "a WebSocket from another site",
    () => [own(), "Origin: https://evil.example", "Connection: Upgrade", "Upgrade: websocket"],
  ],
];

test.each(HOSTILE)(
  "with %s every route is refused although the token is right",
  async (_, headers) => {
    const paths = [
      "GET /v1/healthz",
      ...broker.app.routes.map(({ method, path }) => `${method} ${path}`),
    ];
    for (const path of paths) {
      const lines = [
        `${path.replace(":id", "123456")} HTTP/1.1`,
        ...headers(),
        `Authorization: Bearer ${broker.ownerToken}`,
      ];
      const status = await send(lines);
      expect({ path, isRefused: status === 400 || status === 403 }).toEqual({
        path,
        isRefused: true,
      });
    }
  },
);

test.each([
  "application/x-www-form-urlencoded",
  "text/plain",
  "multipart/form-data; boundary=x",
  "application/jsonx",
])("a body of type %s is not read", async (type) => {
  const body = { provider: "openai", credential: { type: "api_key", key: "k" } };
  for (const path of [
    "/v1/credential",
    "/v1/credential/123456/disable",
    "/v1/credential/123456/block",
  ]) {
    const headers = { "content-type": type };
    const answer = await broker.ask(path, { method: "POST", headers, body });
    expect([answer.status, await answer.json()]).toMatchObject([
      415,
      { code: "unsupported_media_type" },
    ]);
  }
  expect(broker.vault.generation).toBe(1);
});

test.each(["application/json", "application/json; charset=utf-8", "Application/JSON"])(
  "a body of type %s is",
  async (type) => {
    const body = { provider: "openai", credential: { type: "api_key", key: type } };
    const headers = { "content-type": type };
    expect((await broker.ask("/v1/credential", { method: "POST", headers, body })).status).toBe(
      200,
    );
  },
);

test("no answer invites another origin, and a preflight is no exception", async () => {
  const preflight = await broker.ask("/v1/snapshot", { method: "OPTIONS", token: "" });
  expect(preflight.status).toBe(401);
  for (const answer of [preflight, await broker.ask("/v1/snapshot")]) {
    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual(
      [],
    );
  }
});
