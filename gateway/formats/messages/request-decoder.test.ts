// Requests of Messages clients on their way to another dialect: what crosses, what is named as lost,
// and what is refused with the path in the caller's own body.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#wire";
import { encodeCarrier, parseJson } from "#wire";
import { InvalidRequest } from "../../errors.ts";
import { Losses } from "../losses.ts";
import { UNSIGNED } from "./opaque-state.ts";
import { decodeRequest } from "./request-decoder.ts";

const hello: JsonObject = { role: "user", content: "hello" };

function decode(fields: JsonObject) {
  const losses = new Losses();
  const body = { model: "m", max_tokens: 100, messages: [hello], ...fields };
  return { request: decodeRequest(body, { losses }), losses: losses.toString() };
}

function refusal(fields: JsonObject) {
  try {
    decode(fields);
  } catch (error) {
    if (error instanceof InvalidRequest) return { code: error.code, param: error.failure.param };
    throw error;
  }
  return undefined;
}

function assistant(...content: JsonObject[]): JsonObject {
  return { messages: [hello, { role: "assistant", content }, hello] };
}

describe("what crosses", () => {
  test("parameters keep their values and say where they stood", () => {
    const { request } = decode({
      stop_sequences: ["END"],
      temperature: 0,
      top_k: 5,
      stream: true,
      tools: [{ name: "f", input_schema: { type: "object" } }],
      tool_choice: { type: "any", disable_parallel_tool_use: true },
      metadata: { user_id: "u1" },
    });
    expect(request).toMatchObject({
      isStream: true,
      maxOutputTokens: 100,
      stop: ["END"],
      temperature: 0,
      topK: 5,
      toolChoice: { mode: "required" },
      parallelToolCalls: false,
      user: "u1",
    });
    expect(request.paths.stop).toBe("stop_sequences");
    expect(request.reasoning).toBeUndefined();
  });

  test("tool arguments keep integers beyond 2^53", () => {
    const text = '{"id":9007199254740993}';
    const block = parseJson(`{"type":"tool_use","id":"t","name":"f","input":${text}}`);
    const { request } = decode(assistant(block as JsonObject));
    expect(request.turns[1]?.parts[0]).toMatchObject({ kind: "toolCall", arguments: text });
  });

  test("a system message in mid-conversation keeps its place, its effort counts for the request", () => {
    const { request, losses } = decode({
      messages: [
        hello,
        {
          role: "system",
          content: [{ type: "text", text: "be brief" }],
          output_config: { effort: "low" },
        },
      ],
      output_config: { effort: "high" },
    });
    expect(request.turns.map((turn) => turn.role)).toEqual(["user", "system"]);
    expect(request.reasoning).toEqual({ effort: "low" });
    expect(losses).toContain("messages[1].output_config.effort");
  });

  test("the per-request billing header never becomes an instruction", () => {
    const header = "x-anthropic-billing-header: cc_version=1; cch=abc;";
    const blocks = [
      { type: "text", text: header },
      { type: "text", text: "You are an agent.", cache_control: { type: "ephemeral" } },
    ];
    const texts = (system: JsonObject["system"]) =>
      decode({ system }).request.instructions.map((part) => part.text);
    expect(texts(blocks)).toEqual(["You are an agent."]);
    expect(texts(`${header}\nYou are an agent.`)).toEqual(["You are an agent."]);
    expect(texts(header)).toEqual([]);
  });

  test("two requests of one session have the same prompt cache key", () => {
    const key = (user_id: string) => decode({ metadata: { user_id } }).request.promptCacheKey;
    expect(key('{"device_id":"d","session_id":"s-1"}')).toBe("s-1");
    const id = "01234567-89ab-cdef-0123-456789abcdef";
    expect(key(`user_x_account__session_${id}`)).toBe(id);
    expect(key("plain")).toBeUndefined();
  });

  test("thinking with empty text keeps its signature; foreign state is unwrapped, markers vanish", () => {
    const foreign = { format: "responses", kind: "encrypted", data: "xyz", id: "rs_1" } as const;
    const { request } = decode(
      assistant(
        { type: "thinking", thinking: "", signature: "sig" },
        { type: "thinking", thinking: "a", signature: encodeCarrier(foreign) },
        { type: "thinking", thinking: "b", signature: UNSIGNED },
        { type: "redacted_thinking", data: "opaque" },
      ),
    );
    expect(request.turns[1]?.parts).toMatchObject([
      {
        kind: "thinking",
        text: "",
        carrier: { format: "messages", kind: "signature", data: "sig" },
      },
      { kind: "thinking", text: "a", carrier: foreign },
      { kind: "thinking", text: "b" },
      { kind: "redacted", carrier: { format: "messages", kind: "redacted", data: "opaque" } },
    ]);
    expect(request.turns[1]?.parts[2]).not.toHaveProperty("carrier");
  });

  test("a damaged carrier is dropped and named", () => {
    const { request, losses } = decode(assistant({ type: "redacted_thinking", data: "gw1.%%%" }));
    expect(request.turns[1]?.parts).toEqual([]);
    expect(losses).toContain("messages[1].content[0].data");
  });

  test("results keep their error flag, images and documents", () => {
    const png = { type: "base64", media_type: "image/png", data: "AAAA" };
    const result = {
      type: "tool_result",
      tool_use_id: "t1",
      is_error: true,
      content: [
        { type: "text", text: "no" },
        { type: "image", source: png },
      ],
    };
    const { request } = decode({ messages: [{ role: "user", content: [result] }] });
    expect(request.turns[0]?.parts[0]).toMatchObject({
      kind: "toolResult",
      id: "t1",
      isError: true,
      parts: [
        { kind: "text", text: "no" },
        { kind: "image", source: { from: "base64", mediaType: "image/png", data: "AAAA" } },
      ],
    });
  });

  test("server tool blocks stay whole and are no client tool calls", () => {
    const raw = { type: "server_tool_use", id: "s", name: "web_search", input: { query: "q" } };
    const { request } = decode(assistant(raw));
    expect(request.turns[1]?.parts[0]).toMatchObject({
      kind: "serverTool",
      format: "messages",
      raw,
    });
  });

  test("thinking: budget, adaptive with hidden text, and off", () => {
    const reasoning = (thinking: JsonObject) => decode({ thinking }).request.reasoning;
    expect(reasoning({ type: "enabled", budget_tokens: 2000 })).toEqual({
      budgetTokens: 2000,
      wantsSummary: true,
    });
    expect(reasoning({ type: "adaptive", display: "omitted" })).toEqual({ wantsSummary: false });
    expect(reasoning({ type: "disabled" })).toEqual({ isDisabled: true });
  });

  test("a tool added in mid-conversation joins the list", () => {
    const tool = { name: "late", input_schema: { type: "object" } };
    const change = { role: "system", content: [{ type: "tool_addition", tool }] };
    const { request } = decode({ messages: [hello, change] });
    expect(request.tools).toMatchObject([{ kind: "function", name: "late" }]);
    expect(request.turns).toHaveLength(1);
  });
});

describe("what is named as lost", () => {
  test("unknown nested fields and fields without a counterpart", () => {
    const { losses } = decode({
      messages: [{ role: "user", content: [{ type: "text", text: "x", sparkle: 1 }] }],
      output_config: { glow: true },
      metadata: { team: "a" },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      cache_control: { type: "ephemeral" },
    });
    for (const path of [
      "messages[0].content[0].sparkle",
      "output_config.glow",
      "metadata.team",
      "context_management.edits[0]",
    ]) {
      expect(losses).toContain(path);
    }
    expect(losses).not.toContain("cache_control");
  });
});

describe("what is refused, with its path", () => {
  const cases: [string, JsonObject, string, string][] = [
    ["no max_tokens", { max_tokens: undefined }, "missing_required_parameter", "max_tokens"],
    ["an unknown field", { sparkle: 1 }, "unknown_parameter", "sparkle"],
    [
      "an unknown block",
      assistant({ type: "hologram" }),
      "invalid_value",
      "messages[1].content[0].type",
    ],
    [
      "an unknown role",
      { messages: [{ role: "robot", content: "x" }] },
      "invalid_value",
      "messages[0].role",
    ],
    [
      "a result in an assistant message",
      assistant({ type: "tool_result", tool_use_id: "t" }),
      "invalid_value",
      "messages[1].content[0].type",
    ],
    ["MCP servers", { mcp_servers: [{}] }, "unsupported_parameter", "mcp_servers"],
    ["a container", { container: "c" }, "unsupported_parameter", "container"],
    [
      "an unknown context edit",
      { context_management: { edits: [{ type: "compact_20260112" }] } },
      "unsupported_parameter",
      "context_management.edits[0]",
    ],
    [
      "a compaction",
      assistant({ type: "compaction", content: "s" }),
      "unsupported_parameter",
      "messages[1].content[0]",
    ],
    [
      "a prefill",
      { messages: [hello, { role: "assistant", content: "The answer is" }] },
      "prefill_not_supported",
      "messages[1]",
    ],
    [
      "a choice of a tool that is not there",
      { tool_choice: { type: "tool", name: "f" } },
      "invalid_value",
      "tool_choice.name",
    ],
    [
      "input that is no object",
      assistant({ type: "tool_use", id: "t", name: "f", input: "x" }),
      "invalid_value",
      "messages[1].content[0].input",
    ],
    [
      "a task budget",
      { output_config: { task_budget: {} } },
      "unsupported_parameter",
      "output_config.task_budget",
    ],
  ];
  test.each(cases)("%s", (_title, fields, code, param) => {
    expect(refusal(fields)).toEqual({ code, param });
  });

  test("null and empty Anthropic-only fields ask for nothing", () => {
    expect(refusal({ container: null, mcp_servers: [], fallbacks: null })).toBeUndefined();
  });
});
