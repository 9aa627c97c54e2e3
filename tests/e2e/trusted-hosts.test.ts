// Upstreams in networks that nobody meant: refused before a byte is sent, and the operator learns why.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startScriptedUpstream } from "../scripted-upstream.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";

const KEY = "sk-test-0123456789abcdefghijklmnop";
const models = [{ id: "m" }];
const upstream = startScriptedUpstream(() => {
  const message = { role: "assistant", content: "hi" };
  return Response.json({ object: "chat.completion", choices: [{ index: 0, message }] });
});
let gateway: GatewayUnderTest;

beforeAll(async () => {
  const { port } = new URL(upstream.url);
  gateway = await startGatewayUnderTest({
    config: {
      providers: {
        metadata: { api: "chat", baseUrl: "http://169.254.169.254/v1", apiKey: KEY, models },
        octal: { api: "chat", baseUrl: "http://0251.0376.169.254/v1", apiKey: KEY, models },
        plain: { api: "chat", baseUrl: `http://127.0.0.1:${port}/v1`, apiKey: KEY, models },
        local: { api: "chat", baseUrl: `http://localhost:${port}/v1`, apiKey: KEY, models },
      },
    },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

const ask = (model: string, path = "/v1/chat/completions") =>
  gateway.post(path, { model, max_tokens: 5, messages: [{ role: "user", content: "hi" }] });

test.each(["metadata", "octal"])(
  "the metadata service of a cloud, written as %s, is not called in either lane",
  async (provider) => {
    for (const path of ["/v1/chat/completions", "/v1/messages"]) {
      const response = await ask(`${provider}/m`, path);
      expect(response.status).toBe(502);
      const text = await response.text();
      expect(text).toContain("gateway.trustedHosts");
      expect(text).not.toContain("169.254");
    }
    expect(gateway.logged()).toContain("add 169.254.169.254 to gateway.trustedHosts");
  },
);

test.each(["plain", "local"])(
  "an address of this machine that a baseUrl spells out, %s, is called",
  async (provider) => {
    expect((await ask(`${provider}/m`)).status).toBe(200);
  },
);
