// Counts that cross from one dialect to another: whoever asks, the upstream that can count is asked, in its own dialect.

import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let gateway: GatewayUnderTest;
let script: Script;
const upstream = startScriptedUpstream((request) => script(request));

const MESSAGES = "/v1/messages/count_tokens";
const RESPONSES = "/v1/responses/input_tokens";
const GEMINI = "google/gemini-3-pro-preview";
const hello = [{ role: "user", content: "Hello" }];
const weather = { name: "weather", input_schema: { type: "object", properties: {} } };

beforeAll(async () => {
  const apiKey = "sk-upstream-key";
  gateway = await startGatewayUnderTest({
    config: {
      providers: {
        anthropic: { baseUrl: upstream.url, apiKey },
        openai: { baseUrl: `${upstream.url}/v1`, apiKey },
        google: { baseUrl: upstream.url, apiKey },
        deaf: { api: "generate", baseUrl: upstream.url, apiKey },
      },
    },
  });
});

beforeEach(() => {
  script = () => Response.json({ error: { message: "not expected" } }, { status: 500 });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

const lastSent = () => JSON.parse(upstream.received.at(-1)?.body ?? "{}");

test("a Gemini model's is countTokens, with instructions and tools in it", async () => {
  script = () => Response.json({ totalTokens: 61 });
  const system = "Be terse.";
  const body = { model: GEMINI, system, messages: hello, tools: [weather] };
  const response = await gateway.post(MESSAGES, body);
  expect(await response.json()).toEqual({ input_tokens: 61 });
  expect(response.headers.get("x-parley-usage")).toBeNull();
  expect(response.headers.get("x-parley-model")).toBe(GEMINI);
  expect(upstream.received.at(-1)?.path).toBe("/v1beta/models/gemini-3-pro-preview:countTokens");
  expect(upstream.received.at(-1)?.headers["x-goog-api-key"]).toBe("sk-upstream-key");
  expect(lastSent()).toMatchObject({
    generateContentRequest: {
      model: "models/gemini-3-pro-preview",
      systemInstruction: { parts: [{ text: system }] },
      contents: [{ role: "user", parts: [{ text: "Hello" }] }],
      tools: [{ functionDeclarations: [{ name: "weather" }] }],
    },
  });
});

test("a Responses caller's of a Gemini model has the shape of its own dialect", async () => {
  script = () => Response.json({ totalTokens: 7 });
  const response = await gateway.post(RESPONSES, { model: GEMINI, input: "Hello" });
  expect(await response.json()).toEqual({ object: "response.input_tokens", input_tokens: 7 });
});

test("a Messages caller's of an OpenAI model is OpenAI's, without what no count reads", async () => {
  script = () => Response.json({ object: "response.input_tokens", input_tokens: 12 });
  const body = { model: "openai/gpt-5", messages: hello, tools: [weather], temperature: 1 };
  const response = await gateway.post(MESSAGES, body);
  expect(await response.json()).toEqual({ input_tokens: 12 });
  expect(upstream.received.at(-1)?.path).toBe("/v1/responses/input_tokens");
  const sent = lastSent();
  expect(sent).toMatchObject({ model: "gpt-5", tools: [{ type: "function", name: "weather" }] });
  for (const name of ["stream", "store", "max_output_tokens", "temperature", "include"]) {
    expect(sent).not.toHaveProperty(name);
  }
});

test("a Responses caller's of a Claude model is Anthropic's", async () => {
  script = () => Response.json({ input_tokens: 9 });
  const model = "anthropic/claude-sonnet-5";
  const response = await gateway.post(RESPONSES, { model, input: "Hello", instructions: "Be." });
  expect(await response.json()).toMatchObject({ input_tokens: 9 });
  expect(upstream.received.at(-1)?.path).toBe("/v1/messages/count_tokens");
  expect(lastSent()).not.toHaveProperty("max_tokens");
  expect(lastSent()).not.toHaveProperty("stream");
});

test("what the upstream takes for no question, or cannot be said to it, is estimated", async () => {
  const error = { code: 400, status: "INVALID_ARGUMENT", message: "not supported" };
  script = () => Response.json({ error }, { status: 400 });
  const refused = await gateway.post(MESSAGES, { model: GEMINI, messages: hello });
  expect(refused.headers.get("x-parley-usage")).toBe("estimated");
  expect(await refused.json()).toEqual({ input_tokens: 1 });
  const asked = upstream.received.length;
  const stop_sequences = ["a", "b", "c", "d", "e", "f"];
  const unsaid = await gateway.post(MESSAGES, { model: GEMINI, messages: hello, stop_sequences });
  expect(unsaid.headers.get("x-parley-usage")).toBe("estimated");
  expect(upstream.received).toHaveLength(asked);
});

test("an upstream that is not known to count is not asked", async () => {
  const asked = upstream.received.length;
  const response = await gateway.post(MESSAGES, { model: "deaf/m", messages: hello });
  expect(response.headers.get("x-parley-usage")).toBe("estimated");
  expect(upstream.received).toHaveLength(asked);
});

test("a refusal that is about the account, or an answer without a number, is told as it is", async () => {
  const error = { code: 429, status: "RESOURCE_EXHAUSTED", message: "slow down" };
  script = () => Response.json({ error }, { status: 429, headers: { "retry-after": "9" } });
  const limited = await gateway.post(MESSAGES, { model: GEMINI, messages: hello });
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "9"]);
  script = () => Response.json({ input_tokens: "many" });
  const model = "anthropic/claude-sonnet-5";
  const numberless = await gateway.post(RESPONSES, { model, input: "Hello" });
  expect(numberless.status).toBe(502);
});
