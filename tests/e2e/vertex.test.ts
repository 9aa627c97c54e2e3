// A project of Vertex AI: what it receives of callers of each dialect, over real sockets, and with which token.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { jwtVerify } from "jose";
import { eventStream, startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const serviceAccount = JSON.stringify({
  type: "service_account",
  client_email: "robot@p.iam.gserviceaccount.com",
  private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
});
const PROJECT = "/v1/projects/p/locations/global";
const CLAUDE = "vertex/claude-sonnet-4-5@20250929";
const MESSAGE = {
  id: "msg_vrtx_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-4-5-20250929",
  content: [{ type: "text", text: "hi" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
};
const said = { messages: [{ role: "user", content: "hi" }] };

let script: Script = () => Response.json(MESSAGE);
const upstream = startScriptedUpstream((request) => script(request));
let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: { providers: { vertex: { baseUrl: upstream.url + PROJECT } } },
    environmentKeys: { vertex: serviceAccount },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

afterEach(() => {
  script = () => Response.json(MESSAGE);
  expect(gateway.logged()).not.toContain("PRIVATE KEY");
});

function lastReceived() {
  const last = upstream.received.at(-1);
  if (!last) throw new Error("nothing was received");
  return last;
}

test("Claude's requests pass as they are, but that the path names the model and the body the version", async () => {
  const body = `{ "max_tokens":5, "model" : "${CLAUDE}",  "messages":[{"role":"user","content":"hi"}], "new":1.0 }`;
  const response = await gateway.post("/v1/messages?beta=true", body, {
    headers: { "anthropic-beta": "context-1m-2025-08-07,files-api-2025-04-14" },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("x-parley-lossy")).toContain("files-api-2025-04-14");
  expect(await response.json()).toMatchObject({ content: MESSAGE.content });
  const { path, headers, body: sent } = lastReceived();
  expect(path).toBe(`${PROJECT}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`);
  expect(sent).toBe(
    body.replace(`"model" : "${CLAUDE}"`, '"anthropic_version":"vertex-2023-10-16"'),
  );
  expect(headers["anthropic-version"]).toBeUndefined();
  expect(headers["anthropic-beta"]).toBe("context-1m-2025-08-07");
});

test("the token is the service account's own, and serves again", async () => {
  await gateway.post("/v1/messages", { model: CLAUDE, max_tokens: 5, ...said });
  const [scheme, token = ""] = (lastReceived().headers["authorization"] ?? "").split(" ");
  expect(scheme).toBe("Bearer");
  const { payload } = await jwtVerify(token, publicKey);
  expect(payload.iss).toBe("robot@p.iam.gserviceaccount.com");
  await gateway.post("/v1/messages", { model: CLAUDE, max_tokens: 5, ...said });
  expect(lastReceived().headers["authorization"]).toBe(`Bearer ${token}`);
  expect(gateway.logged()).not.toContain(token);
});

test("Claude's streams pass, and callers of Chat are translated", async () => {
  const events = [
    { type: "message_start", message: { ...MESSAGE, content: [], stop_reason: null } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "hi" } },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 1 },
    },
    { type: "message_stop" },
  ];
  script = () =>
    eventStream(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
  const own = await gateway.post("/v1/messages", {
    model: CLAUDE,
    max_tokens: 5,
    stream: true,
    ...said,
  });
  expect(await own.text()).toContain("message_stop");
  expect(lastReceived().path).toEndWith(":streamRawPredict");
  const chat = await gateway.post("/v1/chat/completions", { model: CLAUDE, stream: true, ...said });
  expect(await chat.text()).toContain("[DONE]");
  const sent: unknown = JSON.parse(lastReceived().body);
  expect(sent).toMatchObject({ anthropic_version: "vertex-2023-10-16", stream: true });
  expect(sent).not.toHaveProperty("model");
});

test("counts of Claude name the model in the body, those of Gemini hold the request's own fields", async () => {
  script = () => Response.json({ input_tokens: 9 });
  const counted = await gateway.post("/v1/messages/count_tokens", { model: CLAUDE, ...said });
  expect(await counted.json()).toEqual({ input_tokens: 9 });
  expect(lastReceived().path).toBe(
    `${PROJECT}/publishers/anthropic/models/count-tokens:rawPredict`,
  );
  const own = { anthropic_version: "vertex-2023-10-16", model: "claude-sonnet-4-5@20250929" };
  expect(JSON.parse(lastReceived().body)).toEqual({ ...own, ...said });
  const input = "hi";
  await gateway.post("/v1/responses/input_tokens", { model: CLAUDE, input });
  expect(JSON.parse(lastReceived().body)).toMatchObject(own);
  script = () => Response.json({ totalTokens: 4 });
  const model = "vertex/gemini-3-pro-preview";
  const gemini = await gateway.post("/v1/messages/count_tokens", { model, system: "Be.", ...said });
  expect(await gemini.json()).toEqual({ input_tokens: 4 });
  expect(Object.keys(JSON.parse(lastReceived().body))).toEqual([
    "systemInstruction",
    "contents",
    "generationConfig",
  ]);
});

test("Gemini and other publishers' models are asked where they are", async () => {
  const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 1 };
  const content = { role: "model", parts: [{ text: "hi" }] };
  script = () => Response.json({ candidates: [{ content, finishReason: "STOP" }], usageMetadata });
  const model = "vertex/gemini-3-pro-preview";
  const response = await gateway.post("/v1/chat/completions", { model, ...said });
  expect(response.status).toBe(200);
  expect(lastReceived().path).toBe(
    `${PROJECT}/publishers/google/models/gemini-3-pro-preview:generateContent`,
  );
  script = () => Response.json({}, { status: 500 });
  await gateway.post("/v1/chat/completions", { model: "vertex/meta/llama-4", ...said });
  expect(lastReceived().path).toBe(`${PROJECT}/endpoints/openapi/chat/completions`);
  expect(JSON.parse(lastReceived().body)).toMatchObject({ model: "meta/llama-4" });
});

test("a Google error is told in the caller's dialect, without what it says of the credential", async () => {
  const error = { code: 401, status: "UNAUTHENTICATED", message: "token abc of robot@p is bad" };
  script = () => Response.json({ error }, { status: 401 });
  const response = await gateway.post("/v1/messages", { model: CLAUDE, max_tokens: 5, ...said });
  expect(response.status).toBe(502);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ type: "error", error: { type: "api_error" } });
  expect(text).not.toContain("robot@p");
});

test.each([
  [429, "RESOURCE_EXHAUSTED", "Quota exceeded for online_prediction", "rate_limit_error"],
  [404, "NOT_FOUND", "Publisher Model `claude` was not found", "not_found_error"],
])(
  "a %d of Google's own front is Anthropic's error to its clients, alone or in a list",
  async (...refusal) => {
    const [status, word, message, type] = refusal;
    const error = { error: { code: status, status: word, message } };
    for (const body of [error, [error]]) {
      script = () => Response.json(body, { status });
      const response = await gateway.post("/v1/messages", {
        model: CLAUDE,
        max_tokens: 5,
        ...said,
      });
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ type: "error", error: { type } });
    }
  },
);
