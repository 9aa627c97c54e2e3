// A web page of a listed origin as a client: asked for leave, answered, streamed to, and refused where it is not listed.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const LISTED = "https://chat.example";
let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ config: { gateway: { corsOrigins: [LISTED] } } });
});
afterAll(() => gateway.stop());

const BODY = { model: "sim/echo", messages: [{ role: "user", content: "hi" }] };

test("a listed page asks with its key and reads answers, streams and refusals", async () => {
  const leave = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "OPTIONS",
    headers: {
      origin: LISTED,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization, x-stainless-os",
    },
  });
  expect(leave.status).toBe(204);
  expect(leave.headers.get("access-control-allow-headers")).toBe("authorization, x-stainless-os");
  for (const [body, headers, status] of [
    [BODY, {}, 200],
    [{ ...BODY, stream: true }, {}, 200],
    [{ ...BODY, model: "no/such" }, {}, 404],
    [BODY, { authorization: "Bearer wrong" }, 401],
  ] as const) {
    const answer = await gateway.post("/v1/chat/completions", body, {
      headers: { origin: LISTED, ...headers },
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("access-control-allow-origin")).toBe(LISTED);
    expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
    await answer.text();
  }
});

test("a page that is not listed is refused with and without a key", async () => {
  for (const origin of ["https://evil.example", "null"]) {
    const answer = await gateway.post("/v1/chat/completions", BODY, { headers: { origin } });
    expect(answer.status).toBe(403);
    expect(answer.headers.has("access-control-allow-origin")).toBe(false);
  }
});

test.each(["*", "https://chat.example/", "https://*.example", "chat.example", "HTTPS://a.example"])(
  "%s is no origin that could be listed",
  async (origin) => {
    const starting = startGatewayUnderTest({ config: { gateway: { corsOrigins: [origin] } } });
    await expect(starting).rejects.toThrow("as a browser sends it");
  },
);
