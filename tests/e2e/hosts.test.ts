// Hosts whose calls differ in more than the body: what a scripted one receives, over real sockets.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { startScriptedUpstream } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const KEY = "azure-canary-0123456789abcdef";
const BEDROCK_KEY = "bedrock-api-key-canary0123456789abcdef";
const TOKEN = "gho_canary0123456789abcdef";

const COMPLETION = {
  id: "c1",
  object: "chat.completion",
  created: 1,
  model: "deployed",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};
const RESPONSE = {
  id: "resp_1",
  object: "response",
  created_at: 1,
  status: "completed",
  model: "deployed",
  output: [
    {
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: "hi", annotations: [] }],
    },
  ],
  usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
};

const MESSAGE = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "deployed",
  content: [{ type: "text", text: "hi" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
};

function answerAt(path: string): object {
  if (path.includes("/messages")) return MESSAGE;
  return path.includes("/responses") ? RESPONSE : COMPLETION;
}

const upstream = startScriptedUpstream(({ path }) => Response.json(answerAt(path)));
let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: {
      providers: {
        bedrock: { baseUrl: upstream.url, apiKey: BEDROCK_KEY },
        "github-copilot": {
          baseUrl: upstream.url,
          apiKey: TOKEN,
          headers: { "copilot-integration-id": "house-agent" },
        },
      },
    },
    env: { AZURE_OPENAI_ENDPOINT: upstream.url },
    environmentKeys: { azure: KEY },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

async function received(path: string, body: object) {
  const response = await gateway.post(path, body);
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("hi")]);
  const last = upstream.received.at(-1);
  if (!last) throw new Error("nothing was received");
  return last;
}

const said = { messages: [{ role: "user", content: "hi" }] };

test("azure: chat goes to the deployment, with the version in the query and the key in api-key", async () => {
  const { path, headers, body } = await received("/v1/chat/completions?beta=true", {
    model: "azure/my-gpt",
    ...said,
  });
  expect(path).toBe("/openai/deployments/my-gpt/chat/completions?api-version=2025-04-01-preview");
  expect(headers["api-key"]).toBe(KEY);
  expect(headers["authorization"]).toBeUndefined();
  expect(JSON.parse(body)).toEqual({ model: "my-gpt", ...said });
});

test("azure: responses name the deployment in the body, for callers of Messages too", async () => {
  const asked = { model: "azure/my-gpt", input: "hi" };
  const own = await received("/v1/responses", asked);
  expect(own.path).toBe("/openai/responses?api-version=2025-04-01-preview");
  expect(JSON.parse(own.body)).toEqual({ model: "my-gpt", input: "hi" });
  const crossed = await received("/v1/messages", {
    model: "azure/my-gpt",
    max_tokens: 50,
    ...said,
  });
  expect(crossed.path).toBe(own.path);
  expect(crossed.headers["api-key"]).toBe(KEY);
  expect(crossed.headers["x-api-key"]).toBeUndefined();
});

test("copilot: a person's turn and a tool's turn are told apart, whoever the client", async () => {
  const model = "github-copilot/claude-sonnet-4.5";
  const first = await received("/v1/chat/completions", { model, ...said });
  expect(first.path).toBe("/chat/completions");
  expect(first.headers).toMatchObject({
    authorization: `Bearer ${TOKEN}`,
    "x-initiator": "user",
    "copilot-integration-id": "house-agent",
    "editor-version": expect.stringMatching(/^Parley\//),
    "user-agent": expect.stringMatching(/^parley\//),
  });
  expect(first.headers["copilot-vision-request"]).toBeUndefined();

  const source = { type: "base64", media_type: "image/png", data: "aGk=" };
  const call = { type: "tool_use", id: "toolu_1", name: "look", input: {} };
  const content = [{ type: "image", source }];
  const second = await received("/v1/messages", {
    model,
    max_tokens: 50,
    tools: [{ name: "look", input_schema: { type: "object" } }],
    messages: [
      { role: "user", content: "look" },
      { role: "assistant", content: [call] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content }] },
    ],
  });
  expect(second.headers).toMatchObject({
    "x-initiator": "agent",
    "copilot-vision-request": "true",
  });
});

test("copilot: a codex model is asked in Responses", async () => {
  const model = "github-copilot/gpt-5-codex";
  const { path, headers } = await received("/v1/chat/completions", { model, ...said });
  expect(path).toBe("/responses");
  expect(headers["x-initiator"]).toBe("user");
});

test("no key of theirs is in the log", () => {
  for (const secret of [KEY, TOKEN]) expect(gateway.logged()).not.toContain(secret);
});

test("bedrock: Claude is asked in Messages with a bearer, other models in OpenAI's dialects", async () => {
  const model = "bedrock/anthropic.claude-sonnet-5-5";
  const asked = { model, max_tokens: 50, ...said };
  const own = await received("/v1/messages?beta=true", asked);
  expect(own.path).toBe("/anthropic/v1/messages?beta=true");
  expect(own.headers["authorization"]).toBe(`Bearer ${BEDROCK_KEY}`);
  expect(own.headers["x-api-key"]).toBeUndefined();
  expect(JSON.parse(own.body)).toEqual({ ...asked, model: "anthropic.claude-sonnet-5-5" });
  const crossed = await received("/v1/chat/completions", { model, ...said });
  expect(crossed.path).toBe("/anthropic/v1/messages");
  const open = await received("/v1/messages", { ...asked, model: "bedrock/qwen.qwen3-32b-v1:0" });
  expect(open.path).toBe("/v1/chat/completions");
});

test("bedrock: a beta that it does not take is left out, and named", async () => {
  const betas = "claude-code-20250219,skills-2025-10-02,advanced-tool-use-2025-11-20";
  const response = await gateway.post(
    "/v1/messages",
    { model: "bedrock/anthropic.claude-sonnet-5-5", max_tokens: 50, ...said },
    { headers: { "anthropic-beta": betas } },
  );
  expect(response.status).toBe(200);
  expect(response.headers.get("x-parley-lossy")).toContain("skills-2025-10-02");
  const sent = upstream.received.at(-1)?.headers["anthropic-beta"];
  expect(sent).toBe("claude-code-20250219,tool-search-tool-2025-10-19");
});
