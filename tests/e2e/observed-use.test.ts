// What a gateway tells of the requests it has answered with the broker's credentials: counts, whatever the dialect.

import { afterEach, expect, test } from "bun:test";
import type { ObservedRequest } from "#broker/client";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";
import { messageReply } from "./message-reply.ts";

const message = messageReply({ input_tokens: 11, output_tokens: 5, cache_read_input_tokens: 7 });
const KEY = { type: "api_key", key: "sk-ant-broker-0123456789" } as const;
const messages = [{ role: "user", content: "hello" }];

let gateway: GatewayUnderTest;
let upstream: Bun.Server<undefined>;

let limits: [number, string | null][];

async function startWith(
  keys: readonly (typeof KEY)[],
  { status = 200 }: { status?: number } = {},
): Promise<ObservedRequest[]> {
  const seen: ObservedRequest[] = [];
  limits = [];
  const init = { status, headers: { "anthropic-ratelimit-requests-remaining": "3" } };
  const answer = () => Response.json(message, init);
  upstream = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  const entries = keys.map((credential, index) => ({ id: index + 41, credential }));
  gateway = await startGatewayUnderTest({
    env: { ANTHROPIC_BASE_URL: `http://127.0.0.1:${upstream.port}` },
    environmentKeys: { anthropic: "sk-ant-environment-0123456789" },
    credentials: {
      entries: (provider) => (provider === "anthropic" ? entries : []),
      fresh: () => Promise.reject(new Error("keys do not run out")),
    },
    observe: (request) => seen.push(request),
    observeLimits: (id, headers) =>
      limits.push([id, headers.get("anthropic-ratelimit-requests-remaining")]),
  });
  return seen;
}

afterEach(async () => {
  await gateway.stop();
  await upstream.stop(true);
});

async function ask(path: string, { status = 200 }: { status?: number } = {}): Promise<void> {
  const model = "anthropic/claude-sonnet-4-5";
  const response = await gateway.post(path, { model, max_tokens: 9, messages });
  expect(response.status).toBe(status);
  await response.text();
}

test("each request with the broker's key is told with what it used, passed through or translated", async () => {
  const seen = await startWith([KEY]);
  await ask("/v1/messages");
  await ask("/v1/chat/completions");
  const used = {
    provider: "anthropic",
    model: "claude-sonnet-4-5",
    inputTokens: 11,
    outputTokens: 5,
    cacheReadTokens: 7,
    cacheWriteTokens: 0,
    costUsd: 0,
  };
  expect(seen).toEqual([used, used]);
  expect(limits).toEqual([
    [41, "3"],
    [41, "3"],
  ]);
});

test("requests with other keys are nobody's business", async () => {
  const seen = await startWith([]);
  await ask("/v1/messages");
  expect(seen).toEqual([]);
  expect(limits).toEqual([]);
});

test("a refusal tells of limits and counts no use", async () => {
  const seen = await startWith([KEY], { status: 429 });
  await ask("/v1/messages", { status: 429 });
  expect(seen).toEqual([]);
  expect(limits).toEqual([[41, "3"]]);
});
