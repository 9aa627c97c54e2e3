// A live gateway in front of a Gemini upstream: where requests go and with which key, and what callers of each
// dialect are told when it refuses, fails before the first byte, fails after it, or is cut off.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { checkGenerateRequest } from "../grammar/generate-request.ts";
import { grammars } from "../grammar/grammar.ts";
import { eventStream, startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const KEY = "AIzaTest0123456789abcdef0123456789abcde";
const MODEL = "google/gemini-3-pro-preview";

let script: Script = () => new Response("no script", { status: 500 });
const upstream = startScriptedUpstream((request) => script(request));
let gateway: GatewayUnderTest;
let compatible: GatewayUnderTest;

beforeAll(async () => {
  const environmentKeys = { google: KEY };
  gateway = await startGatewayUnderTest({
    config: { gateway: { idleTimeoutMs: 300, headersTimeoutMs: 300 } },
    // As a developer has it for Google's own SDK.
    env: { GOOGLE_GEMINI_BASE_URL: upstream.url },
    environmentKeys,
  });
  compatible = await startGatewayUnderTest({
    config: { providers: { google: { api: "chat", baseUrl: `${upstream.url}/v1beta/openai` } } },
    env: { GOOGLE_GEMINI_BASE_URL: "http://127.0.0.1:1" },
    environmentKeys,
  });
});

afterAll(async () => {
  await gateway.stop();
  await compatible.stop();
  await upstream[Symbol.asyncDispose]();
});

afterEach(() => expect(gateway.logged()).not.toContain(KEY));

const clients = {
  chat: {
    path: "/v1/chat/completions",
    said: { messages: [{ role: "user", content: "hi" }] },
    usage: { stream_options: { include_usage: true } },
  },
  responses: { path: "/v1/responses", said: { input: "hi" }, usage: {} },
  messages: {
    path: "/v1/messages",
    said: { max_tokens: 50, messages: [{ role: "user", content: "hi" }] },
    usage: {},
  },
} as const;
type ClientId = keyof typeof clients;
const clientIds = Object.keys(clients) as ClientId[];

function ask(client: ClientId, { isStream = false } = {}): Promise<Response> {
  const { path, said, usage } = clients[client];
  const streaming = isStream ? { stream: true, ...usage } : {};
  return gateway.post(path, { model: MODEL, ...said, ...streaming });
}

function lastReceived() {
  const last = upstream.received.at(-1);
  if (!last) throw new Error("the upstream was not asked");
  return last;
}

const chunk = (text: string, finishReason?: string) => ({
  candidates: [
    {
      content: { role: "model", parts: [{ text }] },
      ...(finishReason !== undefined && { finishReason }),
    },
  ],
  usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, thoughtsTokenCount: 4 },
  modelVersion: "gemini-3-pro-preview",
  responseId: "r1",
});
const sse = (value: unknown) => `data: ${JSON.stringify(value)}\r\n\r\n`;
const rpc = (code: number, status: string, message: string, details: unknown[] = []) => ({
  error: { code, message, status, details },
});

describe.each(clientIds)("a %s client", (client) => {
  test("gets a whole answer", async () => {
    script = () => Response.json(chunk("Hello", "STOP"));
    const response = await ask(client);
    expect(response.status).toBe(200);
    expect(response.headers.get("x-parley-model")).toBe(MODEL);
    const body: unknown = await response.json();
    expect(grammars[client].checkBody(body, { model: MODEL })).toEqual([]);
    expect(grammars[client].readBody(body)).toMatchObject({
      text: "Hello",
      stop: "end",
      usage: { input: 3, output: 6 },
    });
    const { path, headers, body: sent } = lastReceived();
    expect(path).toBe("/v1beta/models/gemini-3-pro-preview:generateContent");
    expect(headers["x-goog-api-key"]).toBe(KEY);
    expect(headers["authorization"]).toBeUndefined();
    expect(checkGenerateRequest(JSON.parse(sent))).toEqual([]);
  });

  test("gets a stream", async () => {
    script = () => eventStream([sse(chunk("Hel")), sse(chunk("lo", "STOP"))]);
    const response = await ask(client, { isStream: true });
    const text = await response.text();
    expect(grammars[client].checkStream(text, { model: MODEL, includeUsage: true })).toEqual([]);
    expect(grammars[client].readStream(text)).toMatchObject({
      text: "Hello",
      stop: "end",
      usage: { input: 3, output: 6 },
    });
    const { path, body } = lastReceived();
    expect(path).toBe("/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse");
    expect(body).not.toContain('"stream"');
  });

  test.each([false, true])(
    "hears of a quota with the time to wait, streamed: %p",
    async (isStream) => {
      const details = [
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "48.2s" },
      ];
      const body = rpc(429, "RESOURCE_EXHAUSTED", "quota", details);
      // Asked for a stream, the host may wrap its error in a list.
      script = () => Response.json(isStream ? [body] : body, { status: 429 });
      const response = await ask(client, { isStream });
      expect(response.status).toBe(429);
      expect(response.headers.get("retry-after")).toBe("49");
      expect(await response.text()).toContain("quota");
    },
  );

  test("does not hear of the gateway's bad key", async () => {
    const details = [
      { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" },
    ];
    script = () =>
      Response.json(rpc(400, "INVALID_ARGUMENT", `API key ${KEY} not valid.`, details), {
        status: 400,
      });
    const response = await ask(client);
    expect(response.status).toBe(502);
    expect(await response.text()).not.toContain("AIza");
  });

  test.each([
    ["an error as the first event", sse(rpc(503, "UNAVAILABLE", "busy")), [503, 529]],
    ["a malformed call", sse(chunk("", "MALFORMED_FUNCTION_CALL")), [502]],
    ["an end without a beginning", "", [502]],
  ])("%s is a status", async (_title, text, statuses) => {
    script = () => eventStream([text]);
    const response = await ask(client, { isStream: true });
    expect(statuses).toContain(response.status);
    expect(response.headers.get("content-type")).toContain("application/json");
  });

  test.each([
    ["an error after the first text", sse(rpc(500, "INTERNAL", "boom"))],
    ["a malformed call after the first text", sse(chunk("", "MALFORMED_FUNCTION_CALL"))],
    ["a cut", ""],
    ["a cut within an event", 'data: {"candidates": [{"con'],
  ])("%s is an honest end", async (_title, rest) => {
    script = () => eventStream([sse(chunk("Hel")), rest]);
    const response = await ask(client, { isStream: true });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(grammars[client].checkStream(text, { model: MODEL })).toEqual([]);
    const { text: said, error, stop } = grammars[client].readStream(text);
    expect(said).toBe("Hel");
    expect(error).toBeDefined();
    expect(stop).toBeUndefined();
  });

  test("an upstream that falls silent is an honest end, and the call is given up", async () => {
    const { promise: isClosed, resolve } = Promise.withResolvers<void>();
    script = ({ signal }) => {
      signal.addEventListener("abort", () => resolve());
      return eventStream([sse(chunk("Hel"))], { hold: isClosed });
    };
    const text = await (await ask(client, { isStream: true })).text();
    expect(grammars[client].readStream(text).error).toBeDefined();
    await isClosed;
  });

  test("a refused prompt is a refusal", async () => {
    script = () =>
      Response.json({
        promptFeedback: { blockReason: "PROHIBITED_CONTENT", blockReasonMessage: "not this" },
        usageMetadata: { promptTokenCount: 3 },
      });
    const body: unknown = await (await ask(client)).json();
    expect(grammars[client].checkBody(body, { model: MODEL })).toEqual([]);
    expect(grammars[client].readBody(body).stop).toBe("refusal");
    expect(JSON.stringify(body)).toContain("not this");
  });
});

test("losses are named, and what cannot cross is refused with its path", async () => {
  script = () => Response.json(chunk("Hello", "STOP"));
  const messages = [{ role: "user", content: "hi" }];
  const lossy = await gateway.post("/v1/chat/completions", {
    model: MODEL,
    messages,
    reasoning_effort: "medium",
  });
  expect(lossy.headers.get("x-parley-lossy")).toContain("reasoning_effort=medium is high here");
  const refused = await gateway.post("/v1/chat/completions", { model: MODEL, messages, n: 2 });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { param: "n" } });
});

test("the OpenAI-compatible endpoint is one setting away, and keeps its own address", async () => {
  script = () =>
    Response.json({
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "gemini-2.5-flash",
      choices: [
        { index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" },
      ],
    });
  const response = await compatible.post("/v1/chat/completions", {
    model: "google/gemini-2.5-flash",
    messages: [{ role: "user", content: "hi" }],
  });
  expect(response.status).toBe(200);
  const { path, headers } = lastReceived();
  expect(path).toBe("/v1beta/openai/chat/completions");
  expect(headers["authorization"]).toBe(`Bearer ${KEY}`);
});
