// Model servers on this machine: served when somebody asks for them, and then by their own list; else not touched.

import { afterEach, expect, test } from "bun:test";
import { checkUpstreams } from "#gateway";
import { startScriptedUpstream, type ScriptedUpstream } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const running: (ScriptedUpstream | { [Symbol.asyncDispose]: () => Promise<void> })[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each[Symbol.asyncDispose]();
});

async function startGateway(options: Parameters<typeof startGatewayUnderTest>[0]) {
  const gateway = await startGatewayUnderTest(options);
  running.push({ [Symbol.asyncDispose]: () => gateway.stop() });
  return gateway;
}

function startHost() {
  const host = startScriptedUpstream(({ path }) =>
    path === "/v1/models"
      ? Response.json({ object: "list", data: [{ id: "qwen3:8b", object: "model" }] })
      : Response.json({
          id: "c1",
          object: "chat.completion",
          created: 1,
          model: "qwen3:8b",
          choices: [
            {
              index: 0,
              message: { role: "assistant", content: "<think>hm</think>\n\nhello" },
              finish_reason: "stop",
            },
          ],
        }),
  );
  running.push(host);
  return host;
}

async function listed(gateway: GatewayUnderTest) {
  const headers = { authorization: `Bearer ${gateway.token}` };
  const response = await fetch(`${gateway.url}/v1/models`, { headers });
  const { data } = (await response.json()) as { data: { id: string }[] };
  const ids = data.map(({ id }) => id).filter((id) => !id.startsWith("sim/"));
  return { ids, unlisted: response.headers.get("x-parley-unlisted") };
}

test("unasked, none of them is listed, known or called", async () => {
  const gateway = await startGateway({});
  expect(await listed(gateway)).toEqual({ ids: [], unlisted: null });
  const known = gateway.providers.filter((id) => id !== "sim" && !id.startsWith("sim-"));
  expect(known).toEqual([]);
  const response = await gateway.post("/v1/chat/completions", {
    model: "ollama/qwen3:8b",
    messages: [],
  });
  expect(response.status).toBe(404);
});

test("with its variable, a host is asked for its models once somebody lists them, and serves them without a key", async () => {
  const host = startHost();
  const gateway = await startGateway({ env: { OLLAMA_HOST: host.url.slice("http://".length) } });
  expect(host.received).toHaveLength(0);
  expect(await listed(gateway)).toEqual({ ids: ["ollama/qwen3:8b"], unlisted: null });
  const response = await gateway.post("/v1/messages", {
    model: "qwen3:8b",
    max_tokens: 50,
    messages: [{ role: "user", content: "hi" }],
  });
  expect(await response.json()).toMatchObject({
    content: [
      { type: "thinking", thinking: "hm" },
      { type: "text", text: "hello" },
    ],
  });
  const call = host.received.at(-1);
  expect(call?.path).toBe("/v1/chat/completions");
  expect(call?.headers["authorization"]).toBeUndefined();
});

test("a key that is configured is shown, in lists and in calls", async () => {
  const host = startHost();
  const gateway = await startGateway({
    config: {
      providers: { vllm: { baseUrl: `${host.url}/v1`, apiKey: "vllm-canary-0123456789" } },
    },
  });
  await listed(gateway);
  const said = { messages: [{ role: "user", content: "hi" }] };
  await gateway.post("/v1/chat/completions", { model: "vllm/qwen3:8b", ...said });
  expect(host.received.map(({ path, headers }) => [path, headers["authorization"]])).toEqual([
    ["/v1/models", "Bearer vllm-canary-0123456789"],
    ["/v1/chat/completions", "Bearer vllm-canary-0123456789"],
  ]);
  expect(gateway.logged()).not.toContain("vllm-canary");
});

test("an entry in the configuration is enough, and a host that is down is named, in lists and in answers", async () => {
  const closed = startHost();
  const address = closed.url;
  await closed[Symbol.asyncDispose]();
  const gateway = await startGateway({
    config: { providers: { vllm: { baseUrl: `${address}/v1` } } },
    environmentKeys: { deepseek: "sk-canary-0123456789abcdef" },
  });
  const { ids, unlisted } = await listed(gateway);
  expect(unlisted).toBe("vllm");
  expect(ids).toContain("deepseek/deepseek-chat");
  expect(gateway.logged()).toContain("vLLM did not list its models");

  const response = await gateway.post("/v1/chat/completions", {
    model: "vllm/any",
    messages: [{ role: "user", content: "hi" }],
  });
  const { error } = (await response.json()) as { error: { message: string } };
  expect(response.status).toBe(502);
  expect(error.message).toContain("Is vLLM running?");
});

test("an address that is none keeps the gateway from starting, and says which variable holds it", async () => {
  await expect(checkUpstreams({}, { VLLM_BASE_URL: "over there" })).rejects.toThrow(
    "VLLM_BASE_URL",
  );
  await expect(checkUpstreams({ azure: {} }, {})).rejects.toThrow("AZURE_OPENAI_ENDPOINT");
  await checkUpstreams({ azure: {} }, { AZURE_OPENAI_ENDPOINT: "https://h.openai.azure.com" });
});
