// Responses over WebSocket, as Codex asks for it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});

afterAll(() => gateway.stop());

const upgrade = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
const key = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };

test("an upgrade is answered with 426 and where to go instead", async () => {
  const response = await fetch(`${gateway.url}/v1/responses`, {
    headers: { authorization: `Bearer ${gateway.token}`, ...upgrade, ...key },
  });
  expect(response.status).toBe(426);
  expect(response.headers.get("upgrade")).toBe("HTTP/1.1");
  expect(await response.json()).toMatchObject({ error: { code: "websocket_off" } });
});
