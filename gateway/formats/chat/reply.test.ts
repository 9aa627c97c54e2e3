// Whole replies in both directions, and the small tables around them: usage and stop words.

import { describe, expect, test } from "bun:test";
import type { Json, JsonObject, Reply, ReplyPart } from "#wire";
import { UpstreamFailed } from "../../errors.ts";
import type { ReplyContext } from "../format.ts";
import { Losses } from "../losses.ts";
import { dropCarriers } from "./reasoning-details.ts";
import { decodeReply, encodeReply } from "./reply.ts";
import { decodeUsage, encodeUsage, readUsage } from "./usage.ts";

function context(losses = new Losses()): ReplyContext {
  const id = "b".repeat(24);
  return { model: "alias", id, createdSeconds: 7, newId: () => id, request: null, losses };
}

function decode(body: Json): Reply {
  return decodeReply(body, { provider: "host", losses: new Losses() });
}

function message(parts: readonly ReplyPart[], stop: Reply["stop"] = "end"): Json {
  const { choices } = encodeReply({ parts, stop }, context()) as { choices: { message: Json }[] };
  return choices[0]?.message ?? null;
}

describe("encodeReply", () => {
  test("has every field the SDK's type requires", () => {
    const usage = { input: 1, cacheRead: 0, cacheWrite: 0, output: 1 };
    expect(
      encodeReply({ parts: [{ kind: "text", text: "a" }], stop: "end", usage }, context()),
    ).toEqual({
      id: `chatcmpl-${"b".repeat(24)}`,
      object: "chat.completion",
      created: 7,
      model: "alias",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "a", refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: encodeUsage(usage),
    });
  });

  test("several calls are all there, and their content is null", () => {
    const call = (id: string): ReplyPart => ({ kind: "toolCall", id, name: "f", arguments: "{}" });
    expect(message([call("a"), call("b")], "tool_use")).toMatchObject({
      content: null,
      tool_calls: [{ id: "a", type: "function" }, { id: "b" }],
    });
  });

  test("server tools are losses, never client calls", () => {
    const losses = new Losses();
    const part = { kind: "serverTool", format: "messages", type: "web", raw: {} } as const;
    const body = encodeReply({ parts: [part], stop: "end" }, context(losses));
    expect(JSON.stringify(body)).not.toContain("tool_calls");
    expect(losses.toString()).toContain("reply.web");
  });

  test("a paused turn cannot be said", () => {
    expect(() => encodeReply({ parts: [], stop: "pause" }, context())).toThrow(UpstreamFailed);
  });
});

describe("decodeReply", () => {
  test("blank members of Snowflake's replies are nothing", () => {
    const reply = decode({
      choices: [
        {
          index: 0,
          message: {
            content: "x",
            refusal: "",
            tool_calls: null,
            function_call: { name: "", arguments: "" },
            audio: { id: "" },
          },
          finish_reason: "",
        },
      ],
    });
    expect(reply).toEqual({ parts: [{ kind: "text", text: "x" }], stop: "end" });
  });

  test("the message counts where a host sends an empty delta beside it (Perplexity)", () => {
    const choice = {
      index: 0,
      delta: { content: "" },
      message: { content: "x" },
      finish_reason: "stop",
    };
    expect(decode({ choices: [choice] }).parts).toHaveLength(1);
  });

  test("what is no completion is a failure, with a 200 or not", () => {
    const bodies: Json[] = [null, "x", {}, { choices: [] }, { error: { message: "no" } }, []];
    for (const body of bodies) expect(() => decode(body)).toThrow(UpstreamFailed);
  });
});

describe("usage", () => {
  test.each<[string, JsonObject, object]>([
    [
      "OpenAI includes the cached part in the prompt",
      { prompt_tokens: 10, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 6 } },
      { input: 4, cacheRead: 6, cacheWrite: 0, output: 4 },
    ],
    [
      "xAI counts reasoning outside completion",
      {
        prompt_tokens: 10,
        completion_tokens: 4,
        total_tokens: 19,
        completion_tokens_details: { reasoning_tokens: 5 },
      },
      { input: 10, cacheRead: 0, cacheWrite: 0, output: 9, reasoning: 5 },
    ],
    [
      "Azure's Grok reports a prompt without its cached part",
      { prompt_tokens: 7, completion_tokens: 8, prompt_tokens_details: { cached_tokens: 161 } },
      { input: 7, cacheRead: 161, cacheWrite: 0, output: 8 },
    ],
    [
      "DeepSeek names hits itself",
      { prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 5 },
      { input: 4, cacheRead: 5, cacheWrite: 0, output: 1 },
    ],
  ])("%s", (_name, usage, expected) => {
    expect(decodeUsage(usage)).toEqual(expected as ReturnType<typeof decodeUsage>);
  });

  test("writing and reading again conserves every sum", () => {
    const usage = { input: 5, cacheRead: 7, cacheWrite: 2, output: 11, reasoning: 3 };
    expect(decodeUsage(encodeUsage(usage))).toEqual(usage);
  });

  test("a chunk without usage keeps what was seen before", () => {
    const before = { input: 1, cacheRead: 0, cacheWrite: 0, output: 1 };
    expect(readUsage({ choices: [] }, before)).toBe(before);
    expect(readUsage({ usage: null }, undefined)).toBeUndefined();
  });
});

test("our carriers leave a request body, the host's own details stay", () => {
  const own: Json = { type: "reasoning.encrypted", data: "zz" };
  const ours: Json = { type: "reasoning.text", text: "hm", signature: "gw1.abc" };
  const body: JsonObject = {
    messages: [
      { role: "assistant", reasoning_details: [own, ours] },
      { role: "assistant", reasoning_details: [ours] },
    ],
  };
  expect(dropCarriers(body)).toBeTrue();
  expect(body).toEqual({
    messages: [{ role: "assistant", reasoning_details: [own] }, { role: "assistant" }],
  });
  expect(dropCarriers(body)).toBeFalse();
});
