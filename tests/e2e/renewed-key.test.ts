// Keys that end: what a `!command` printed is refused, the command runs again, and the caller notices nothing.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startScriptedUpstream } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-renewed-"));
const printed = join(folder, "key");
let accepted = "token-of-the-first-hour";
const upstream = startScriptedUpstream(({ headers }) =>
  headers["x-api-key"] === accepted
    ? Response.json({ input_tokens: 3 })
    : Response.json(
        { type: "error", error: { type: "authentication_error", message: "expired" } },
        { status: 401 },
      ),
);
let gateway: GatewayUnderTest;

beforeAll(async () => {
  writeFileSync(printed, accepted);
  const anthropic = { baseUrl: upstream.url, apiKey: `!cat ${printed}` };
  gateway = await startGatewayUnderTest({ config: { providers: { anthropic } } });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const count = () =>
  gateway.post("/v1/messages/count_tokens", {
    model: "anthropic/claude-sonnet-5",
    messages: [{ role: "user", content: "hi" }],
  });

test("a key that has ended is printed anew within the request that found out", async () => {
  expect((await count()).status).toBe(200);
  accepted = "token-of-the-second-hour";
  writeFileSync(printed, accepted);
  const before = upstream.received.length;
  expect((await count()).status).toBe(200);
  expect(upstream.received.length - before).toBe(2);
  expect((await count()).status).toBe(200);
  expect(upstream.received.length - before).toBe(3);
});

test("a command that prints the refused key again is believed, and its account rests", async () => {
  accepted = "token-that-nobody-prints";
  const before = upstream.received.length;
  const response = await count();
  expect(response.status).toBe(502);
  expect(await response.text()).not.toContain("token-of");
  expect(upstream.received.length - before).toBe(1);
  expect(gateway.logged()).not.toContain("token-of");
});
