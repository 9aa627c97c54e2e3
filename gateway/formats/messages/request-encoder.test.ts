// Canonical requests for a Messages upstream: order of blocks, limits the API enforces, state that
// only its maker may see again, and wishes this dialect cannot fulfil.

import { describe, expect, test } from "bun:test";
import type { Carrier, ConversationRequest, JsonObject, Part, Turn } from "#wire";
import { InvalidRequest } from "../../errors.ts";
import { Losses } from "../losses.ts";
import { encodeRequest } from "./request-encoder.ts";

const user: Turn = { role: "user", parts: [{ kind: "text", text: "hi" }], path: "messages[0]" };
const tool = { kind: "function", name: "f", schema: {} } as const;
const call: Part = { kind: "toolCall", id: "c1", name: "f", arguments: '{"a":1}' };
const result: Part = { kind: "toolResult", id: "c1", parts: [{ kind: "text", text: "ok" }] };

const say = (role: Turn["role"], text: string, path: string): Turn => ({
  role,
  parts: [{ kind: "text", text }],
  path,
});

function encode(
  fields: Partial<ConversationRequest>,
  {
    model = "claude-sonnet-4-5",
    maxOutputTokens,
  }: { model?: string; maxOutputTokens?: number } = {},
): { body: JsonObject; losses: string } {
  const losses = new Losses();
  const request: ConversationRequest = {
    model: "alias",
    isStream: false,
    instructions: [],
    turns: [user],
    tools: [],
    paths: {},
    ...fields,
  };
  const target = {
    provider: "anthropic",
    model,
    quirks: {},
    losses,
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
  };
  return { body: encodeRequest(request, target), losses: losses.toString() };
}

function turns(...list: [Turn["role"], ...Part[]][]): { turns: Turn[] } {
  return {
    turns: list.map(([role, ...parts], index) => ({ role, parts, path: `messages[${index}]` })),
  };
}

function text(value: string): Part {
  return { kind: "text", text: value };
}

describe("messages", () => {
  test("results of parallel calls share one user message and stand before any text", () => {
    const second: Part = { kind: "toolCall", id: "c2", name: "f", arguments: "" };
    const { body } = encode(
      turns(
        ["user", text("go")],
        ["assistant", call],
        ["assistant", second],
        ["user", result],
        ["system", text("careful")],
        ["user", { kind: "toolResult", id: "c2", parts: [], isError: true }],
      ),
    );
    expect(body.messages).toEqual([
      { role: "user", content: [{ type: "text", text: "go" }] },
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "c1", name: "f", input: { a: 1 } },
          { type: "tool_use", id: "c2", name: "f", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: "ok" },
          { type: "tool_result", tool_use_id: "c2", is_error: true },
          { type: "text", text: "<system-reminder>\ncareful\n</system-reminder>" },
        ],
      },
    ]);
  });

  test("blank text and turns without content vanish", () => {
    const { body } = encode(
      turns(["user", text(""), text("a")], ["assistant", text(" ")], ["user", text("b")]),
    );
    expect(body.messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ]);
  });

  test("a truncated tool call in history is wrapped, never a 500", () => {
    const cut: Part = { kind: "toolCall", id: "c1", name: "f", arguments: '{"a": [1,' };
    const { body, losses } = encode(
      turns(["user", text("x")], ["assistant", cut], ["user", result]),
    );
    expect(JSON.stringify(body.messages)).toContain('"input":{"__raw":"{\\"a\\": [1,"}');
    expect(losses).toContain("wrapped");
  });

  test("a 64-bit integer in arguments reaches the upstream digit by digit", () => {
    const big: Part = {
      kind: "toolCall",
      id: "c1",
      name: "f",
      arguments: '{"seed":-9007199254740993}',
    };
    const { body } = encode(turns(["user", text("x")], ["assistant", big], ["user", result]));
    expect(JSON.stringify(body)).toContain('{"seed":-9007199254740993}');
  });

  test("an id the API refuses is replaced alike in call and result", () => {
    const id = "functions.Bash:0";
    const { body } = encode(
      turns(
        ["user", text("x")],
        ["assistant", { kind: "toolCall", id, name: "f", arguments: "{}" }],
        ["user", { kind: "toolResult", id, parts: [] }],
      ),
    );
    const ids = [...JSON.stringify(body).matchAll(/"(?:id|tool_use_id)":"([^"]+)"/g)].map(
      (m) => m[1],
    );
    expect(ids[0]).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(ids[1]).toBe(ids[0]);
  });

  test("a conversation that begins with an answer is refused", () => {
    expect(() => encode(turns(["assistant", text("hi")]))).toThrow(InvalidRequest);
    expect(() => encode({ turns: [] })).toThrow("at least one user message");
  });

  test("instructions alone become the user's message", () => {
    const { body, losses } = encode({
      turns: [],
      instructions: [{ kind: "text", text: "Say hi" }],
    });
    expect(body).not.toHaveProperty("system");
    expect(body.messages).toEqual([{ role: "user", content: [{ type: "text", text: "Say hi" }] }]);
    expect(losses).toContain("instructions=");
  });

  test("white space at the end of a prefill is removed", () => {
    const { body, losses } = encode(
      turns(["user", text("x")], ["assistant", text("The answer: ")]),
    );
    expect(JSON.stringify(body.messages)).toContain('"The answer:"');
    expect(losses).not.toBe("");
  });

  test("images: parameters of the media type go, other types and broken base64 are refused", () => {
    const image = (mediaType: string, data = "AAAA") =>
      encode(
        turns(["user", { kind: "image", source: { from: "base64", mediaType, data }, path: "p" }]),
      );
    expect(JSON.stringify(image("image/PNG; charset=utf-8").body)).toContain(
      '"media_type":"image/png"',
    );
    expect(() => image("image/tiff")).toThrow("image/tiff");
    expect(() => image("image/png", "%%%")).toThrow("base64");
  });
});

describe("opaque state", () => {
  const send = (carrier: Carrier) =>
    JSON.stringify(
      encode(
        turns(
          ["user", text("x")],
          ["assistant", { kind: "thinking", text: "secret", carrier }, text("a")],
          ["user", text("y")],
        ),
      ).body.messages,
    );

  test("its own signature goes back byte-equal, with empty text too", () => {
    expect(send({ format: "messages", kind: "signature", data: "s+/=" })).toContain(
      '"signature":"s+/="',
    );
  });

  test("state of another dialect or provider is left out whole", () => {
    for (const carrier of [
      { format: "responses", kind: "encrypted", data: "e" },
      { format: "messages", kind: "signature", data: "s", provider: "other" },
    ] as const) {
      expect(send(carrier)).not.toContain("secret");
    }
  });
});

describe("thinking", () => {
  const high = { reasoning: { effort: "high" } };

  test("older models get a budget, newer ones an effort", () => {
    expect(encode(high, { maxOutputTokens: 64_000 }).body.thinking).toEqual({
      type: "enabled",
      budget_tokens: 10_000,
    });
    const { body } = encode(
      { reasoning: { effort: "minimal", wantsSummary: true } },
      { model: "claude-opus-4-8" },
    );
    expect(body.thinking).toEqual({ type: "adaptive", display: "summarized" });
    expect(body.output_config).toEqual({ effort: "low" });
  });

  test("the budget stays below max_tokens, and without room there is none", () => {
    const budget = (maxOutputTokens: number) =>
      encode({ reasoning: { effort: "max" }, maxOutputTokens }).body.thinking;
    expect(budget(8_000)).toEqual({ type: "enabled", budget_tokens: 6_976 });
    expect(budget(1_025)).toEqual({ type: "enabled", budget_tokens: 1_024 });
    expect(budget(1_024)).toBeUndefined();
  });

  test("temperature and top_k give way to thinking, by name", () => {
    const { body, losses } = encode(
      { ...high, temperature: 0.2, topK: 5 },
      { maxOutputTokens: 64_000 },
    );
    expect(body).not.toHaveProperty("temperature");
    expect(body).not.toHaveProperty("top_k");
    expect(losses).toContain("temperature=");
    expect(losses).toContain("topK=");
  });

  test("thinking gives way to a forced tool", () => {
    const forced = { ...high, tools: [tool], toolChoice: { mode: "required" } } as const;
    const { body, losses } = encode(forced, { maxOutputTokens: 64_000 });
    expect(body.thinking).toEqual({ type: "disabled" });
    expect(body.tool_choice).toEqual({ type: "any" });
    expect(losses).toContain("reasoning=");
  });

  test("a tool call that lost its thinking turns thinking off for this request", () => {
    const history = turns(["user", text("x")], ["assistant", call], ["user", result]);
    const manual = encode({ ...high, ...history, tools: [tool] }, { maxOutputTokens: 64_000 });
    expect(manual.body.thinking).toEqual({ type: "disabled" });
    expect(manual.losses).toContain("lost its thinking");
    // Newer models may refuse "disabled"; for them the field is absent.
    const adaptive = encode({ ...high, ...history }, { model: "claude-fable-5" });
    expect(adaptive.body).not.toHaveProperty("thinking");
  });

  test("a model that always thinks is never told not to", () => {
    const { body } = encode({ reasoning: { effort: "none" } }, { model: "claude-mythos-5-1" });
    expect(body).not.toHaveProperty("thinking");
    expect(body.output_config).toEqual({ effort: "low" });
  });

  test("an unknown effort is refused", () => {
    expect(() => encode({ reasoning: { effort: "ludicrous" } })).toThrow(InvalidRequest);
  });
});

describe("parameters", () => {
  test("max_tokens is the model's maximum, or a named default", () => {
    expect(encode({}, { maxOutputTokens: 64_000 }).body.max_tokens).toBe(64_000);
    expect(encode({}, { model: "claude-opus-4-1", maxOutputTokens: 9 }).body.max_tokens).toBe(9);
    expect(encode({}, { model: "anthropic.claude-opus-4-1-v1:0" }).body.max_tokens).toBe(32_000);
    const unknown = encode({}, { model: "lab-large" });
    expect(unknown.body.max_tokens).toBe(4_096);
    expect(unknown.losses).toContain("maxOutputTokens=");
    expect(encode({ maxOutputTokens: 9 }, { maxOutputTokens: 5 }).body.max_tokens).toBe(5);
  });

  test("nothing is sent that the caller did not say, and equal requests are equal bytes", () => {
    const { body } = encode({ maxOutputTokens: 5 });
    expect(Object.keys(body)).toEqual(["model", "max_tokens", "messages"]);
    const again = encode({ maxOutputTokens: 5 });
    expect(JSON.stringify(again.body)).toBe(JSON.stringify(body));
  });

  test("parallel calls off without a choice means auto; without tools it means nothing", () => {
    expect(encode({ tools: [tool], parallelToolCalls: false }).body.tool_choice).toEqual({
      type: "auto",
      disable_parallel_tool_use: true,
    });
    const none = encode({ parallelToolCalls: false, toolChoice: { mode: "required" } });
    expect(none.body).not.toHaveProperty("tool_choice");
  });

  test("allowed tools narrow the list; a schema gets its type", () => {
    const { body, losses } = encode({
      tools: [tool, { ...tool, name: "g" }],
      toolChoice: { mode: "allowed", names: ["g"], isRequired: true },
    });
    expect(body.tools).toEqual([{ name: "g", input_schema: { type: "object" } }]);
    expect(body.tool_choice).toEqual({ type: "any" });
    expect(losses).toContain("tool_choice=");
  });

  test("several instructions keep their boundaries", () => {
    const instructions = [
      { kind: "text", text: "one" },
      { kind: "text", text: "" },
      { kind: "text", text: "two" },
    ] as const;
    expect(encode({ instructions }).body.system).toEqual([
      { type: "text", text: "one" },
      { type: "text", text: "two" },
    ]);
  });

  test("zero penalties and logprobs:false ask for nothing", () => {
    expect(
      encode({ frequencyPenalty: 0, presencePenalty: 0, logprobs: false }).losses,
    ).not.toContain("Penalty");
  });

  const refused: [string, Partial<ConversationRequest>][] = [
    ["n", { candidates: 2, paths: { candidates: "n" } }],
    ["logprobs", { logprobs: true }],
    ["logit_bias", { logitBias: { 5: 1 }, paths: { logitBias: "logit_bias" } }],
    [
      "frequency_penalty",
      { frequencyPenalty: 0.5, paths: { frequencyPenalty: "frequency_penalty" } },
    ],
    ["stop", { stop: ["\n"] }],
    ["response_format", { output: { kind: "json_object" }, paths: { output: "response_format" } }],
    ["service_tier", { serviceTier: "flex", paths: { serviceTier: "service_tier" } }],
  ];
  test.each(refused)("%s is refused under the caller's own name", (param, fields) => {
    let error: unknown;
    try {
      encode(fields);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidRequest);
    expect(error).toMatchObject({ failure: { param } });
  });
});

describe("instructions in mid-conversation, for a model that takes them", () => {
  const model = "claude-opus-4-8";
  const rolesOf = (...turns: Turn[]) => {
    const { body, losses } = encode({ turns }, { model });
    const messages = body.messages as { role: string; content: JsonObject[] }[];
    return { roles: messages.map(({ role, content }) => `${role} ${content.length}`), losses };
  };

  test("stay instructions behind the user, at the end and before the assistant, several as one", () => {
    const { roles, losses } = rolesOf(
      say("user", "a", "0"),
      say("system", "s", "1"),
      say("assistant", "b", "2"),
      say("user", "c", "3"),
      say("system", "s", "4"),
      say("system", "t", "5"),
    );
    expect(roles).toEqual(["user 1", "system 1", "assistant 1", "user 1", "system 2"]);
    expect(losses).not.toContain("role");
  });

  test("are reminders elsewhere, each named: behind the assistant, or before the user", () => {
    const behind = [say("user", "a", "0"), say("assistant", "b", "1"), say("system", "s", "2")];
    expect(rolesOf(...behind, say("user", "c", "3")).roles).toEqual([
      "user 1",
      "assistant 1",
      "user 2",
    ]);
    const before = [say("user", "a", "0"), say("system", "s", "1"), say("system", "t", "2")];
    const { roles, losses } = rolesOf(...before, say("user", "c", "3"));
    expect(roles).toEqual(["user 4"]);
    expect(losses).toContain("1.role=");
    expect(losses).toContain("2.role=");
  });

  test("of a model that is not known to take them, they are reminders", () => {
    const turns = [user, say("system", "s", "1")];
    for (const other of ["claude-opus-4-7", "claude-sonnet-5", "claude-opus-latest", "glm-5"]) {
      expect(encode({ turns }, { model: other }).losses).toContain("1.role=");
    }
  });
});

test("a schema for a model that knows none is refused with its path", () => {
  const output = { kind: "json_schema", schema: { type: "object" } } as const;
  const asked = { output, paths: { output: "response_format" } };
  expect(() => encode(asked, { model: "claude-sonnet-4-0" })).toThrow("response_format");
  for (const model of ["claude-sonnet-4-5", "claude-opus-4-1-20250805", "kimi-k3"]) {
    expect(encode(asked, { model }).body).toHaveProperty("output_config");
  }
});
