// A gateway that asks for no key: on loopback only, and only when told so.

import { afterEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let gateway: GatewayUnderTest | undefined;
afterEach(() => gateway?.stop());

const messages = [{ role: "user", content: "Hello" }];

test("serves anybody on this machine, whatever key they show, and keeps no token", async () => {
  gateway = await startGatewayUnderTest({ config: { gateway: { noAuth: true } } });
  expect(gateway.token).toBe("");
  expect(existsSync(join(gateway.env["PARLEY_HOME"] ?? "", "auth-gateway.token"))).toBe(false);
  for (const authorization of ["", "Bearer anything"]) {
    const headers = { authorization };
    const response = await gateway.post(
      "/v1/chat/completions",
      { model: "sim/echo", messages },
      { headers },
    );
    expect(response.status).toBe(200);
  }
  expect((await fetch(`${gateway.url}/metrics`)).status).toBe(200);
  expect(gateway.logged()).toContain("anybody on this machine may use this gateway");
});

test("is still no web page's: a foreign Origin or Host is refused", async () => {
  gateway = await startGatewayUnderTest({ config: { gateway: { noAuth: true } } });
  for (const headers of [{ origin: "https://evil.example" }, { host: "evil.example" }]) {
    expect((await fetch(`${gateway.url}/v1/models`, { headers })).status).toBe(403);
  }
});

test("is refused for an address that other machines reach", async () => {
  const started = startGatewayUnderTest({
    config: { gateway: { noAuth: true } },
    bind: "0.0.0.0:0",
  });
  await expect(started).rejects.toThrow("can be reached from other machines");
});
