// The official SDKs, unmodified, against a live gateway: every dialect of client on every dialect of upstream,
// streaming and not, tools included. The simulator's one-dialect providers are the upstreams.

import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const upstreams = ["sim", "sim-chat", "sim-responses", "sim-messages", "sim-generate"] as const;

let gateway: GatewayUnderTest;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  gateway = await startGatewayUnderTest();
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.token, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: gateway.token, maxRetries: 0 });
});

afterAll(() => gateway.stop());

const QUESTION = "Ünïcödé 漢字 😀, twice";
const schema = { type: "object" as const, properties: { city: { type: "string" } } };

for (const upstream of upstreams) {
  describe(`a Chat client on ${upstream}`, () => {
    const messages = [{ role: "user" as const, content: QUESTION }];
    const tools = [
      {
        type: "function" as const,
        function: { name: "get_weather", description: "Weather", parameters: schema },
      },
    ];

    test("gets the same answer whole and streamed", async () => {
      const model = `${upstream}/echo`;
      const whole = await openai.chat.completions.create({ model, messages });
      const streamed = await openai.chat.completions
        .stream({ model, messages })
        .finalChatCompletion();
      expect(whole.choices[0]?.message.content).toBe(QUESTION);
      expect(streamed.choices[0]?.message.content).toBe(QUESTION);
      expect(whole.model).toBe(model);
      expect(streamed.model).toBe(model);
    });

    test("runs two parallel tools and gets text once they are answered", async () => {
      const model = `${upstream}/tools`;
      const first = await openai.chat.completions
        .stream({ model, messages, tools })
        .finalChatCompletion();
      const calls = first.choices[0]?.message.tool_calls ?? [];
      expect(first.choices[0]?.finish_reason).toBe("tool_calls");
      expect(
        calls.map((call) => call.type === "function" && JSON.parse(call.function.arguments)),
      ).toEqual([{ city: "Paris" }, { city: "Zürich" }]);
      const second = await openai.chat.completions.create({
        model,
        tools,
        messages: [
          ...messages,
          { role: "assistant", tool_calls: calls },
          ...calls.map((call) => ({
            role: "tool" as const,
            tool_call_id: call.id,
            content: "sunny",
          })),
        ],
      });
      expect(second.choices[0]?.message.content).toBe("The tools have answered.");
    });

    test("gets usage only when it asks for it", async () => {
      const model = `${upstream}/cached`;
      const chunks = async (include_usage: boolean) =>
        Array.fromAsync(
          await openai.chat.completions.create({
            model,
            messages,
            stream: true,
            ...(include_usage && { stream_options: { include_usage } }),
          }),
        );
      const usage = (await chunks(true)).at(-1)?.usage;
      expect(usage?.prompt_tokens).toBe(1_012);
      expect(usage?.prompt_tokens_details?.cached_tokens).toBe(900);
      expect((await chunks(false)).some((chunk) => chunk.usage)).toBe(false);
    });
  });

  describe(`a Messages client on ${upstream}`, () => {
    const messages = [{ role: "user" as const, content: QUESTION }];
    const tools = [{ name: "get_weather", input_schema: schema }];

    test("gets the same answer whole and streamed, on the beta path too", async () => {
      const request = { model: `${upstream}/thinking`, max_tokens: 2_048, messages };
      const whole = await anthropic.messages.create(request);
      const streamed = await anthropic.messages.stream(request).finalMessage();
      const beta = await anthropic.beta.messages.create(request);
      for (const message of [whole, streamed, beta]) {
        expect(message.content.map((block) => block.type)).toEqual(["thinking", "text"]);
        expect(message.content.at(-1)).toMatchObject({ text: QUESTION });
        expect(message.stop_reason).toBe("end_turn");
        expect(message.model).toBe(request.model);
      }
    });

    test("runs two parallel tools and gets text once they are answered", async () => {
      const model = `${upstream}/tools`;
      const request = { model, max_tokens: 100, messages, tools };
      const first = await anthropic.messages.stream(request).finalMessage();
      const calls = first.content.filter((block) => block.type === "tool_use");
      expect(first.stop_reason).toBe("tool_use");
      expect(calls.map((call) => call.input)).toEqual([{ city: "Paris" }, { city: "Zürich" }]);
      const second = await anthropic.messages.create({
        ...request,
        messages: [
          ...messages,
          { role: "assistant", content: first.content },
          {
            role: "user",
            content: calls.map(({ id }) => ({
              type: "tool_result",
              tool_use_id: id,
              content: "sunny",
            })),
          },
        ],
      });
      expect(second.content[0]).toMatchObject({ text: "The tools have answered." });
    });

    test("sees cache tokens apart from fresh ones", async () => {
      const { usage } = await anthropic.messages.create({
        model: `${upstream}/cached`,
        max_tokens: 9,
        messages,
      });
      // Gemini counts what it writes to its cache as fresh.
      const written = upstream === "sim-generate" ? 0 : 100;
      expect(usage).toMatchObject({
        input_tokens: 112 - written,
        cache_read_input_tokens: 900,
        cache_creation_input_tokens: written,
      });
    });
  });

  describe(`a Responses client on ${upstream}`, () => {
    const tools = [
      { type: "function" as const, name: "get_weather", parameters: schema, strict: false },
    ];

    test("gets the same answer whole and streamed", async () => {
      const request = { model: `${upstream}/thinking`, input: QUESTION };
      const whole = await openai.responses.create(request);
      const streamed = await openai.responses.stream(request).finalResponse();
      for (const response of [whole, streamed]) {
        expect(response.output.map((item) => item.type)).toEqual(["reasoning", "message"]);
        expect(response.output_text).toBe(QUESTION);
        expect(response.status).toBe("completed");
        expect(response.model).toBe(request.model);
      }
    });

    test("runs two parallel tools and gets text once they are answered", async () => {
      const model = `${upstream}/tools`;
      const first = await openai.responses
        .stream({ model, input: QUESTION, tools })
        .finalResponse();
      const calls = first.output.filter((item) => item.type === "function_call");
      expect(calls.map((call) => JSON.parse(call.arguments))).toEqual([
        { city: "Paris" },
        { city: "Zürich" },
      ]);
      const second = await openai.responses.create({
        model,
        tools,
        input: [
          { role: "user", content: QUESTION },
          ...calls,
          ...calls.map(({ call_id }) => ({
            type: "function_call_output" as const,
            call_id,
            output: "sunny",
          })),
        ],
      });
      expect(second.output_text).toBe("The tools have answered.");
    });
  });
}

describe("models", () => {
  test("are listed in OpenAI's shape, and one by one, slash included", async () => {
    const ids = (await Array.fromAsync(openai.models.list())).map(({ id }) => id);
    expect(ids).toContain("sim/echo");
    expect((await openai.models.retrieve("sim/echo")).id).toBe("sim/echo");
  });

  test("are listed in Anthropic's shape, page by page", async () => {
    const ids = (await Array.fromAsync(anthropic.models.list({ limit: 5 }))).map(({ id }) => id);
    expect(ids).toContain("sim/malformed");
    expect(new Set(ids).size).toBe(ids.length);
    expect((await anthropic.models.retrieve("sim/echo")).display_name).toContain("repeats");
  });
});
