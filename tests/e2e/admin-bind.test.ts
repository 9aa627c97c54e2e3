// gateway.adminBind as the gateway takes it: an address of its own beside the gateway's, off by default, refused beyond
// this machine, closed with the gateway.

import { expect, test } from "bun:test";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const KEYS = "/admin/keys";

function adminUrl(gateway: GatewayUnderTest): string | undefined {
  const line = gateway
    .logged()
    .split("\n")
    .find((text) => text.includes("administered"));
  return line === undefined ? undefined : (JSON.parse(line) as { url: string }).url;
}

test("keys are made and revoked there with the owner's token, and work at the gateway at once", async () => {
  const gateway = await startGatewayUnderTest({
    config: { gateway: { adminBind: "127.0.0.1:0" } },
  });
  try {
    const url = adminUrl(gateway);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(url).not.toBe(gateway.url);
    const owner = { authorization: `Bearer ${gateway.token}` };
    const made = await fetch(url + KEYS, { method: "POST", headers: owner, body: '{"name":"ci"}' });
    expect(made.status).toBe(201);
    const { secret } = (await made.json()) as { secret: string };
    const key = { authorization: `Bearer ${secret}` };
    expect((await fetch(`${gateway.url}/v1/models`, { headers: key })).status).toBe(200);
    expect((await fetch(url + KEYS, { headers: key })).status).toBe(401);
    await fetch(`${url}${KEYS}/ci`, { method: "DELETE", headers: owner });
    expect((await fetch(`${gateway.url}/v1/models`, { headers: key })).status).toBe(401);
    expect((await fetch(gateway.url + KEYS, { headers: owner })).status).toBe(404);
    await gateway.stop();
    await expect(fetch(url + KEYS, { headers: owner })).rejects.toThrow();
  } finally {
    await gateway.stop();
  }
});

test("without it there is no such address", async () => {
  const gateway = await startGatewayUnderTest();
  try {
    expect(adminUrl(gateway)).toBeUndefined();
  } finally {
    await gateway.stop();
  }
});

test.each(["0.0.0.0:0", "[::]:0"])("%s keeps the gateway from starting", async (adminBind) => {
  await expect(startGatewayUnderTest({ config: { gateway: { adminBind } } })).rejects.toThrow(
    "for this machine only",
  );
});
