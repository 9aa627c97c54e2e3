// The AI SDK, unmodified, against a live gateway: each of its providers on every dialect of upstream. It checks
// what it reads with schemas of its own, so a field that is missing or misplaced is an error here.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, type LanguageModel, Output, streamText, tool } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { z } from "zod";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";

const UPSTREAMS = ["sim", "sim-chat", "sim-responses", "sim-messages", "sim-generate"] as const;
const QUESTION = "Ünïcödé 漢字 😀, twice";

// It warns of reasoning that came without encrypted state; the simulator has none.
globalThis.AI_SDK_LOG_WARNINGS = false;

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.stop());

const connection = () => ({ baseURL: `${gateway.url}/v1`, apiKey: gateway.token });
const providers: Readonly<Record<string, (model: string) => LanguageModel>> = {
  "@ai-sdk/openai, Chat": (model) => createOpenAI(connection()).chat(model),
  "@ai-sdk/openai, Responses": (model) => createOpenAI(connection()).responses(model),
  "@ai-sdk/anthropic": (model) => createAnthropic(connection())(model),
  "@ai-sdk/openai-compatible": (model) =>
    createOpenAICompatible({
      ...connection(),
      name: "parley",
      includeUsage: true,
      supportsStructuredOutputs: true,
    })(model),
};

const providerOptions = {
  // So that it asks for a schema, not for a tool of its own making.
  anthropic: { structuredOutputMode: "outputFormat" },
  // Else its second turn names items that only a provider which stored them could know.
  openai: { store: false },
};

const lookedUp: string[] = [];
const lookUp = (name: string) =>
  tool({
    description: `looks up the ${name}`,
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => {
      lookedUp.push(`${name} of ${city}`);
      return { found: `${name} of ${city}` };
    },
  });

/** An agent's tools over a folder in memory; its shell knows one command. */
function folderTools() {
  const files = new Map<string, string>();
  const path = z.string();
  return {
    write: tool({
      description: "writes a file",
      inputSchema: z.object({ path, content: z.string() }),
      execute: (file) => {
        files.set(file.path, file.content);
        return "written";
      },
    }),
    read: tool({
      description: "reads a file",
      inputSchema: z.object({ path }),
      execute: (file) => files.get(file.path) ?? "no such file",
    }),
    bash: tool({
      description: "runs a command",
      inputSchema: z.object({ command: z.string() }),
      execute: ({ command }) => {
        const [, file = ""] = /^tr a-z A-Z < (.+)$/.exec(command) ?? [];
        return files.get(file)?.toUpperCase() ?? `unknown: ${command}`;
      },
    }),
  };
}

/** Reads a stream to its end; an error in it is thrown, not passed over. */
async function drain(result: { fullStream: AsyncIterable<{ type: string; error?: unknown }> }) {
  const kinds: string[] = [];
  for await (const part of result.fullStream) {
    if (part.type === "error") throw part.error;
    if (kinds.at(-1) !== part.type) kinds.push(part.type);
  }
  return kinds;
}

describe.each(Object.entries(providers))("%s", (name, provider) => {
  describe.each(UPSTREAMS)("on %s", (upstream) => {
    const model = (scenario: string) => provider(`${upstream}/${scenario}`);
    const ask = (scenario: string) => ({
      model: model(scenario),
      prompt: QUESTION,
      maxRetries: 0,
      maxOutputTokens: 3_000,
      providerOptions,
    });

    test("gets an answer whole, with its usage", async () => {
      const { text, finishReason, usage } = await generateText(ask("cached"));
      expect(text).toBe(QUESTION);
      expect(finishReason).toBe("stop");
      expect(usage.inputTokens).toBe(1_012);
      expect(usage.inputTokenDetails.cacheReadTokens).toBe(900);
    });

    test("gets the same answer streamed, in more than one piece", async () => {
      const result = streamText(ask("cached"));
      let pieces = 0;
      let text = "";
      for await (const piece of result.textStream) {
        pieces += 1;
        text += piece;
      }
      expect(text).toBe(QUESTION);
      expect(pieces).toBeGreaterThan(1);
      expect(await result.finishReason).toBe("stop");
      expect((await result.usage).inputTokens).toBe(1_012);
    });

    test.each(["whole", "streamed"])("runs two tools and goes on, %s", async (how) => {
      lookedUp.length = 0;
      const request = {
        ...ask("tools"),
        tools: { weather: lookUp("weather"), time: lookUp("time") },
        stopWhen: isStepCount(3),
      };
      const result = how === "whole" ? await generateText(request) : streamText(request);
      if ("fullStream" in result) await drain(result);
      expect(await result.text).toBe("The tools have answered.");
      expect(await result.steps).toHaveLength(2);
      expect(lookedUp.toSorted()).toEqual(["time of Zürich", "weather of Paris"]);
    });

    test.each(["whole", "streamed"])("does the simulator's task, call by call, %s", async (how) => {
      const tools = folderTools();
      const request = { ...ask("task"), tools, stopWhen: isStepCount(5) };
      const result = how === "whole" ? await generateText(request) : streamText(request);
      if ("fullStream" in result) await drain(result);
      expect(await result.text).toBe("The task is done: THREE TOOLS, ONE TASK.");
      expect(await result.steps).toHaveLength(4);
    });

    test("gets an object of the shape it asked for", async () => {
      const city = { name: "Zürich", people: 443_000 };
      const { output } = await generateText({
        ...ask("echo"),
        prompt: JSON.stringify(city),
        output: Output.object({ schema: z.object({ name: z.string(), people: z.number() }) }),
      });
      expect(output).toEqual(city);
    });

    // Of what OpenAI itself never sends, its own provider reads nothing: reasoning in Chat, and in Responses
    // the chain itself, which a Chat upstream gives, instead of a summary.
    const isBlind =
      name === "@ai-sdk/openai, Chat" ||
      (name === "@ai-sdk/openai, Responses" && upstream === "sim-chat");
    test(`gets ${isBlind ? "the answer of a model that reasons" : "the reasoning first"}`, async () => {
      if (isBlind) {
        expect((await generateText(ask("thinking"))).text).toBe(QUESTION);
        return;
      }
      const kinds = await drain(streamText(ask("thinking")));
      expect(kinds.indexOf("reasoning-delta")).toBeGreaterThan(-1);
      expect(kinds.indexOf("reasoning-delta")).toBeLessThan(kinds.indexOf("text-delta"));
      const { reasoningText, text } = await generateText(ask("thinking"));
      expect(reasoningText).toBe("The user said something. I shall repeat it.");
      expect(text).toBe(QUESTION);
    });

    test("throws where the upstream fails, before the answer and in its middle", async () => {
      await expect(generateText(ask("rate-limited"))).rejects.toMatchObject({ statusCode: 429 });
      await expect(
        drain(streamText({ ...ask("error-midstream"), onError() {} })),
      ).rejects.toBeDefined();
    });
  });
});
