// Counts, embeddings and compaction through a live gateway: official SDKs, and a scripted upstream where bytes matter.

import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import OpenAI from "openai";
import { startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let gateway: GatewayUnderTest;
let openai: OpenAI;
let anthropic: Anthropic;
let script: Script;
const upstream = startScriptedUpstream((request) => script(request));

beforeAll(async () => {
  const embedder = { api: "chat", baseUrl: `${upstream.url}/v1`, endpoints: ["embeddings"] };
  gateway = await startGatewayUnderTest({
    config: {
      providers: {
        anthropic: { baseUrl: upstream.url, apiKey: "sk-upstream-key" },
        openai: { baseUrl: `${upstream.url}/v1`, apiKey: "sk-upstream-key" },
        lab: embedder,
      },
    },
  });
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.token, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: gateway.token, maxRetries: 0 });
});

beforeEach(() => {
  script = () => Response.json({ error: { message: "not expected" } }, { status: 500 });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

const TEXT = "The gateway counts 漢字 and code: if (a != b) { return; }\n".repeat(20);
const messages = [{ role: "user" as const, content: TEXT }];

describe("count_tokens", () => {
  test("of a model whose upstream cannot count is the tokenizer's own, marked as estimated", async () => {
    for (const model of ["sim/echo", "sim-chat/echo", "sim-responses/echo"]) {
      const { data, response } = await anthropic.messages
        .countTokens({ model, messages })
        .withResponse();
      const own = countTokens(TEXT);
      expect(Math.abs(data.input_tokens - own)).toBeLessThanOrEqual(own * 0.02);
      expect(response.headers.get("x-parley-usage")).toBe("estimated");
      expect(response.headers.get("x-parley-model")).toBe(model);
    }
  });

  test("grows with system, tools and images", async () => {
    const count = async (rest: Partial<Anthropic.MessageCountTokensParams>) => {
      const given = { model: "sim-chat/echo", messages, ...rest };
      return (await anthropic.messages.countTokens(given)).input_tokens;
    };
    const base = await count({});
    const tool = { name: "get_weather", input_schema: { type: "object" as const } };
    const image = { type: "image" as const, source: { type: "url" as const, url: "https://h/i" } };
    expect(await count({ system: "Be brief." })).toBeGreaterThan(base);
    expect(await count({ tools: [tool] })).toBeGreaterThan(base + 8);
    expect(await count({ messages: [{ role: "user", content: [image] }] })).toBe(1_600);
  });

  test("at Anthropic is Anthropic's, the body unchanged but for the model", async () => {
    script = () => Response.json({ input_tokens: 4_711 }, { headers: { "request-id": "req_up" } });
    const body = `{ "model": "anthropic/claude-sonnet-5",  "messages":[{"role":"user","content":"x"}], "new":1.0 }`;
    const response = await gateway.post("/v1/messages/count_tokens?beta=true", body, {
      headers: { "anthropic-beta": "token-counting-2099-01-01" },
    });
    expect(await response.text()).toBe('{"input_tokens":4711}');
    expect(response.headers.get("x-parley-usage")).toBeNull();
    const sent = upstream.received.at(-1);
    expect(sent?.path).toBe("/v1/messages/count_tokens?beta=true");
    expect(sent?.body).toBe(body.replace("anthropic/claude-sonnet-5", "claude-sonnet-5"));
    expect(sent?.headers["x-api-key"]).toBe("sk-upstream-key");
    expect(sent?.headers["anthropic-beta"]).toBe("token-counting-2099-01-01");
  });

  test("passes the upstream's refusal on with its status and retry-after", async () => {
    const error = { type: "rate_limit_error", message: "slow down" };
    script = () =>
      Response.json({ type: "error", error }, { status: 429, headers: { "retry-after": "9" } });
    const model = "anthropic/claude-sonnet-5";
    const response = await gateway.post("/v1/messages/count_tokens", { model, messages });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "9"]);
    expect(await response.json()).toMatchObject({ type: "error", error });
  });

  test("refuses what is no conversation with its path, in the dialect", async () => {
    const response = await gateway.post("/v1/messages/count_tokens", {
      model: "sim/echo",
      messages: [{ role: "user", content: [{ type: "hologram" }] }],
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ type: "error" });
    const missing = await gateway.post("/v1/messages/count_tokens", { messages });
    expect(missing.status).toBe(400);
  });
});

describe("input_tokens", () => {
  test("counts a Responses request here, and at OpenAI there", async () => {
    const input = TEXT;
    const ours = await openai.responses.inputTokens.count({ model: "sim/echo", input });
    const own = countTokens(TEXT);
    expect(ours.object).toBe("response.input_tokens");
    expect(Math.abs(ours.input_tokens - own)).toBeLessThanOrEqual(own * 0.02);
    script = () => Response.json({ object: "response.input_tokens", input_tokens: 12 });
    const theirs = await openai.responses.inputTokens.count({ model: "gpt-5", input });
    expect(theirs.input_tokens).toBe(12);
    expect(upstream.received.at(-1)?.path).toBe("/v1/responses/input_tokens");
  });
});

describe("embeddings", () => {
  test("of the simulator are vectors that depend on the text alone", async () => {
    const input = ["one", "two", "one"];
    const { data, usage } = await openai.embeddings.create({ model: "sim/echo", input });
    expect(data.map(({ embedding }) => embedding.length)).toEqual([256, 256, 256]);
    expect(data[0]?.embedding).toEqual(data[2]?.embedding ?? []);
    expect(data[0]?.embedding).not.toEqual(data[1]?.embedding ?? []);
    expect(Math.hypot(...(data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
    expect(usage.prompt_tokens).toBeGreaterThan(0);
    const short = await openai.embeddings.create({
      model: "sim/echo",
      input: "one",
      dimensions: 3,
      encoding_format: "float",
    });
    expect(short.data[0]?.embedding).toHaveLength(3);
  });

  test("pass through to an upstream that has them, and are metered", async () => {
    const reply = `{"object":"list", "model":"emb-1","data":[{"object":"embedding","index":0,"embedding":[0.10,1e-3]}],"usage":{"prompt_tokens":5,"total_tokens":5}}`;
    script = () => new Response(reply, { headers: { "content-type": "application/json" } });
    const body = `{"input":"x","model":"lab/emb-1","truncate":"END"}`;
    const response = await gateway.post("/v1/embeddings", body);
    expect(await response.text()).toBe(reply.replace('"emb-1"', '"lab/emb-1"'));
    expect(upstream.received.at(-1)?.path).toBe("/v1/embeddings");
    expect(upstream.received.at(-1)?.body).toBe(body.replace("lab/emb-1", "emb-1"));
    expect(gateway.logged()).toContain('"input":5');
  });

  test("are refused clearly where the upstream has none, and sent nowhere", async () => {
    const before = upstream.received.length;
    const model = "anthropic/claude-sonnet-5";
    const response = await gateway.post("/v1/embeddings", { model, input: "x" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: "endpoint_not_supported", param: "model" },
    });
    expect(upstream.received).toHaveLength(before);
  });

  test("need the gateway's key", async () => {
    const response = await fetch(`${gateway.url}/v1/embeddings`, { method: "POST", body: "{}" });
    expect(response.status).toBe(401);
  });
});

describe("compaction", () => {
  test("is OpenAI's own, for its models", async () => {
    script = () =>
      Response.json({
        id: "resp_1",
        object: "response.compaction",
        created_at: 1,
        output: [{ type: "compaction", id: "cmp_1", encrypted_content: "sealed" }],
        usage: { input_tokens: 9, output_tokens: 3, total_tokens: 12 },
      });
    const compacted = await openai.responses.compact({ model: "gpt-5", input: "long ago" });
    expect(compacted.output[0]).toMatchObject({ type: "compaction", encrypted_content: "sealed" });
    expect(upstream.received.at(-1)?.path).toBe("/v1/responses/compact");
  });

  test("works offline with the simulator, and its item can be sent on", async () => {
    const input = [{ role: "user" as const, content: "remember me" }];
    const compacted = await openai.responses.compact({ model: "sim/echo", input });
    const next = await openai.responses.create({
      model: "sim/echo",
      input: [...(compacted.output as never[]), { role: "user", content: "and now" }],
    });
    expect(next.output_text).toBe("and now");
  });

  test("elsewhere is refused with what to do instead", async () => {
    const model = "anthropic/claude-sonnet-5";
    const response = await gateway.post("/v1/responses/compact", { model, input: "x" });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).toContain("summarise the conversation itself");
    const missing = await gateway.post("/v1/responses/compact", { input: "x" });
    expect(missing.status).toBe(400);
  });
});
