// What each departure of a host changes in a request, and what is said about it.

import { describe, expect, test } from "bun:test";
import type { ConversationRequest, JsonObject, Part, Tool, Turn } from "#wire";
import { GatewayError } from "../../errors.ts";
import type { Quirks } from "../format.ts";
import { Losses } from "../losses.ts";
import { encodeRequest } from "./request-encoder.ts";

const text = (value: string) => ({ kind: "text", text: value }) as const;
const user = (...parts: Part[]): Turn => ({ role: "user", parts });
const tool = (name: string, strict?: boolean): Tool => ({
  kind: "function",
  name,
  schema: {},
  ...(strict !== undefined && { strict }),
});

function encode(request: Partial<ConversationRequest>, quirks: Quirks) {
  const losses = new Losses();
  const whole: ConversationRequest = {
    model: "alias",
    isStream: false,
    instructions: [],
    turns: [user(text("hi"))],
    tools: [],
    paths: {},
    ...request,
  };
  const body = encodeRequest(whole, { provider: "p", model: "up", quirks, losses });
  return { body, lost: losses.toString() };
}

function refusal(request: Partial<ConversationRequest>, quirks: Quirks) {
  try {
    encode(request, quirks);
  } catch (error) {
    if (error instanceof GatewayError) return error.failure;
    throw error;
  }
  throw new Error("was accepted");
}

describe("tool call ids of nine characters", () => {
  const quirks = { hasNineCharToolIds: true };
  const idsOf = (id: string) => {
    const call = { kind: "toolCall", id, name: "f", arguments: "{}" } as const;
    const result = { kind: "toolResult", id, parts: [text("1")] } as const;
    const turns: Turn[] = [{ role: "assistant", parts: [call] }, user(result)];
    const messages = JSON.stringify(encode({ turns }, quirks).body["messages"]);
    return [...messages.matchAll(/"(?:id|tool_call_id)":"([^"]*)"/g)].map(([, found]) => found);
  };

  test("pass when they are such, and stand for the others in call and result alike", () => {
    expect(idsOf("rEJDoePqM")).toEqual(["rEJDoePqM", "rEJDoePqM"]);
    const [made, again] = idsOf("toolu_01ABCDEFGHIJ");
    expect(made).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(again).toBe(made);
    expect(idsOf("toolu_01ABCDEFGHIK")[0]).not.toBe(made);
  });
});

test("a name is left out where none is taken, and that is said", () => {
  const turns: Turn[] = [{ ...user(text("hi")), name: "ann" }];
  expect(encode({ turns }, {}).body["messages"]).toMatchObject([{ name: "ann" }]);
  const { body, lost } = encode({ turns }, { hasNoNames: true });
  expect(body["messages"]).toEqual([{ role: "user", content: "hi" }]);
  expect(lost).toContain("messages.name");
});

test("instructions in mid-conversation become a marked user message where system must lead", () => {
  const turns: Turn[] = [user(text("a")), { role: "system", parts: [text("note")] }];
  const { body, lost } = encode(
    { instructions: [text("be brief")], turns },
    { hasLeadingSystemOnly: true },
  );
  expect(body["messages"]).toEqual([
    { role: "system", content: "be brief" },
    { role: "user", content: "a" },
    { role: "user", content: "<system-reminder>\nnote\n</system-reminder>" },
  ]);
  expect(lost).not.toBe("");
});

test("tools of mixed strictness are all made lenient; of one strictness they stay", () => {
  const quirks = { wantsOneStrictness: true };
  const mixed = encode({ tools: [tool("f", true), tool("g")] }, quirks);
  expect(mixed.body["tools"]).toMatchObject([
    { function: { strict: false } },
    { function: { name: "g" } },
  ]);
  expect(mixed.lost).toContain("strict");
  const all = encode({ tools: [tool("f", true), tool("g", true)] }, quirks);
  expect(all.body["tools"]).toMatchObject([
    { function: { strict: true } },
    { function: { strict: true } },
  ]);
  expect(all.lost).toBe("");
});

describe("a forced tool", () => {
  const tools = [tool("f")];
  const choices = [
    { mode: "required" },
    { mode: "tool", name: "f" },
    { mode: "allowed", names: ["f"], isRequired: true },
  ] as const;

  test.each(choices)("is a wish where the host forces none: %j", (toolChoice) => {
    const { body, lost } = encode({ tools, toolChoice }, { hasNoForcedTools: true });
    expect(body["tool_choice"]).toBe("auto");
    expect(lost).toContain("tool_choice");
  });

  test.each(choices)("turns thinking off where they exclude each other: %j", (toolChoice) => {
    const quirks = { forcesToolsUnthinking: true, thinkingField: "thinking" } as const;
    const { body, lost } = encode({ tools, toolChoice, reasoning: { effort: "high" } }, quirks);
    expect(body["thinking"]).toEqual({ type: "disabled" });
    expect(body["reasoning_effort"]).toBeUndefined();
    expect(body["tool_choice"]).not.toBe("auto");
    expect(lost).toContain("reasoning_effort");
    const free = encode(
      { tools, toolChoice: { mode: "auto" }, reasoning: { effort: "high" } },
      quirks,
    );
    expect(free.body["thinking"]).toEqual({ type: "enabled" });
  });
});

test("a schema is refused where there is none, a plain JSON object is not", () => {
  const quirks = { hasNoJsonSchema: true };
  const output = { kind: "json_schema", schema: {} } as const;
  expect(refusal({ output }, quirks)).toMatchObject({
    kind: "bad_request",
    param: "response_format",
  });
  expect(encode({ output: { kind: "json_object" } }, quirks).body["response_format"]).toEqual({
    type: "json_object",
  });
});

test.each<[Quirks["thinkingField"], ConversationRequest["reasoning"], JsonObject]>([
  [undefined, { effort: "low" }, { reasoning_effort: "low" }],
  [undefined, { isDisabled: true }, {}],
  ["thinking", { effort: "low" }, { thinking: { type: "enabled" }, reasoning_effort: "low" }],
  ["thinking", { isDisabled: true }, { thinking: { type: "disabled" } }],
  ["thinking", { effort: "none" }, { thinking: { type: "disabled" } }],
  ["thinking", { budgetTokens: 1_024 }, { thinking: { type: "enabled" }, reasoning_effort: "low" }],
  ["thinking_off", { effort: "low" }, { reasoning_effort: "low" }],
  ["thinking_off", { isDisabled: true }, { thinking: { type: "disabled" } }],
  ["enable_thinking", { budgetTokens: 2_000 }, { enable_thinking: true, thinking_budget: 2_000 }],
  ["enable_thinking", { effort: "low" }, { enable_thinking: true }],
  ["enable_thinking", { isDisabled: true }, { enable_thinking: false }],
  ["reasoning", { effort: "low" }, { reasoning: { effort: "low" } }],
  ["reasoning", { budgetTokens: 2_000 }, { reasoning: { max_tokens: 2_000 } }],
  ["reasoning", { isDisabled: true }, { reasoning: { enabled: false } }],
  ["reasoning", {}, { reasoning: { enabled: true } }],
])("thinking in the words of %p: %j is %j", (thinkingField, reasoning, said) => {
  const quirks = thinkingField === undefined ? {} : { thinkingField };
  const { body } = encode({ ...(reasoning && { reasoning }) }, quirks);
  const { model, messages, ...rest } = body;
  expect({ model, rest }).toEqual({ model: "up", rest: said });
  expect(messages).toBeDefined();
});

describe("a field that the host refuses", () => {
  const quirks: Quirks = { refusedFields: ["user", "seed", "logit_bias", "presence_penalty"] };

  test("is left out and named when the answer stands without it", () => {
    const { body, lost } = encode(
      { user: "u", seed: 0, paths: { user: "metadata.user_id" } },
      quirks,
    );
    expect(Object.keys(body)).toEqual(["model", "messages"]);
    expect(lost).toContain("metadata.user_id");
    expect(lost).toContain("seed");
  });

  test("is refused in turn when it shapes the answer, and wished for", () => {
    expect(refusal({ logitBias: { "1": 2 } }, quirks)).toMatchObject({ param: "logit_bias" });
    expect(refusal({ presencePenalty: 0.5 }, quirks)).toMatchObject({ param: "presence_penalty" });
    const neutral = encode({ logitBias: {}, presencePenalty: 0 }, quirks);
    expect(Object.keys(neutral.body)).toEqual(["model", "messages"]);
    expect(neutral.lost).toBe("");
  });
});

test("a seed goes by the host's own name for it", () => {
  expect(encode({ seed: 7 }, { seedField: "random_seed" }).body).toMatchObject({ random_seed: 7 });
});
