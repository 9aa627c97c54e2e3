// What a caller's Responses request means, and what is refused: every refusal names the path in that body.

import { describe, expect, test } from "bun:test";
import type { ConversationRequest, JsonObject } from "#wire";
import { encodeCarrier } from "#wire";
import { GatewayError } from "../../errors.ts";
import { Losses } from "../losses.ts";
import { decodeRequest } from "./request-decoder.ts";

function decode(fields: JsonObject, losses = new Losses()): ConversationRequest {
  return decodeRequest({ model: "m", input: "hi", ...fields }, { losses });
}

function refusal(fields: JsonObject): { code: string | undefined; param: string | undefined } {
  try {
    decode(fields);
  } catch (error) {
    if (error instanceof GatewayError) {
      return { code: error.failure.code, param: error.failure.param };
    }
    throw error;
  }
  throw new Error("not refused");
}

describe("references to state elsewhere", () => {
  test("previous_response_id is answered as not found, never ignored", () => {
    expect(refusal({ previous_response_id: "resp_1" })).toEqual({
      code: "previous_response_not_found",
      param: "previous_response_id",
    });
  });

  test.each([
    [{ conversation: "conv_1" }, "conversation"],
    [{ prompt: { id: "pmpt_1" } }, "prompt"],
    [{ background: true }, "background"],
    [{ truncation: "auto" }, "truncation"],
    [{ input: [{ type: "item_reference", id: "msg_1" }] }, "input[0]"],
    [{ input: [{ id: "msg_1" }] }, "input[0]"],
    [{ input: [{ type: "compaction", encrypted_content: "x" }] }, "input[0]"],
    [{ include: ["message.output_text.logprobs"] }, "include[0]"],
  ])("%j is refused", (fields: JsonObject, param: string) => {
    expect(refusal(fields).param).toBe(param);
  });
});

describe("paths of mistakes", () => {
  test.each<[JsonObject, string, string]>([
    [{ shiny: 1 }, "unknown_parameter", "shiny"],
    [{ constructor: 1 }, "unknown_parameter", "constructor"],
    [{ input: [{ type: "novelty" }] }, "invalid_value", "input[0].type"],
    [{ input: [{ type: "constructor" }] }, "invalid_value", "input[0].type"],
    [{ input: [{ role: "narrator", content: "x" }] }, "invalid_value", "input[0].role"],
    [
      { input: [{ role: "user", content: [{ type: "video" }] }] },
      "invalid_value",
      "input[0].content[0].type",
    ],
    [
      { input: [{ role: "assistant", content: [{ type: "input_text", text: "x" }] }] },
      "invalid_value",
      "input[0].content[0].type",
    ],
    [
      { input: [{ type: "function_call", name: "f", arguments: "{}" }] },
      "missing_required_parameter",
      "input[0].call_id",
    ],
    [{ max_output_tokens: "9" }, "invalid_type", "max_output_tokens"],
    [{ text: { format: { type: "json_schema" } } }, "invalid_value", "text.format.schema"],
    [{ tools: [{ type: "function" }] }, "missing_required_parameter", "tools[0].name"],
    [
      { input: [{ role: "user", content: [{ type: "input_image", image_url: "ftp://x" }] }] },
      "invalid_value",
      "input[0].content[0].image_url",
    ],
    [{ input: [] }, "invalid_value", "input"],
  ])("%j", (fields, code, param) => {
    expect(refusal(fields)).toEqual({ code, param });
  });

  test("a missing model is named", () => {
    expect(() => decodeRequest({ input: "hi" }, { losses: new Losses() })).toThrow(
      "model: required",
    );
  });
});

describe("conversation", () => {
  test("leading developer items follow instructions; later ones keep their place", () => {
    const { instructions, turns } = decode({
      instructions: "A",
      input: [
        { role: "developer", content: "B" },
        { role: "user", content: "hi" },
        { type: "message", role: "system", content: [{ type: "input_text", text: "C" }] },
      ],
    });
    expect(instructions.map((part) => part.text)).toEqual(["A", "B"]);
    expect(turns.map((turn) => turn.role)).toEqual(["user", "system"]);
  });

  test("what the model did is one turn, and the run of results after it another", () => {
    const { turns } = decode({
      input: [
        { role: "user", content: "go" },
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "blob" },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "ok" }] },
        { type: "function_call", call_id: "c1", name: "f", arguments: "" },
        { type: "custom_tool_call", call_id: "c2", name: "patch", input: "*** raw" },
        { type: "function_call_output", call_id: "c1", output: "1" },
        { type: "custom_tool_call_output", call_id: "c2", output: "2" },
        { role: "user", content: "next" },
      ],
    });
    expect(turns.map((turn) => [turn.role, turn.parts.map((part) => part.kind)])).toEqual([
      ["user", ["text"]],
      ["assistant", ["redacted", "text", "toolCall", "toolCall"]],
      ["user", ["toolResult", "toolResult"]],
      ["user", ["text"]],
    ]);
    const [, calls] = turns;
    expect(calls?.parts[2]).toMatchObject({ arguments: "{}", id: "c1" });
    expect(calls?.parts[3]).toMatchObject({ arguments: "*** raw", isFreeform: true });
  });

  test("a native reasoning item keeps id and state together", () => {
    const { turns } = decode({
      input: [
        {
          type: "reasoning",
          id: "rs_1",
          summary: [{ type: "summary_text", text: "hm" }],
          encrypted_content: "blob",
        },
      ],
    });
    expect(turns[0]?.parts[0]).toMatchObject({
      kind: "thinking",
      text: "hm",
      carrier: { format: "responses", kind: "encrypted", data: "blob", id: "rs_1" },
    });
  });

  test("another dialect's state comes back out of its carrier, byte for byte", () => {
    const carrier = {
      format: "messages",
      kind: "signature",
      data: "sig==",
      provider: "a",
    } as const;
    const { turns } = decode({
      input: [{ type: "reasoning", summary: [], encrypted_content: encodeCarrier(carrier) }],
    });
    expect(turns[0]?.parts).toEqual([{ kind: "thinking", text: "", path: "input[0]", carrier }]);
  });

  test("a damaged carrier is dropped by name and its text stays thinking", () => {
    const losses = new Losses();
    const summary = [{ type: "summary_text", text: "hm" }];
    const { turns } = decode(
      { input: [{ type: "reasoning", summary, encrypted_content: "gw1.broken" }] },
      losses,
    );
    expect(turns[0]?.parts).toEqual([{ kind: "thinking", text: "hm", path: "input[0]" }]);
    expect(losses.toString()).toContain("input[0].encrypted_content=");
  });

  test("a data URL loses its parameters and keeps its bytes", () => {
    const { turns } = decode({
      input: [
        {
          role: "user",
          content: [
            {
              type: "input_image",
              image_url: "data:image/PNG;charset=x;base64,AAAA",
              detail: "low",
            },
            {
              type: "input_file",
              file_data: "data:application/pdf;base64,BBBB",
              filename: "a.pdf",
            },
          ],
        },
      ],
    });
    expect(turns[0]?.parts).toMatchObject([
      { kind: "image", detail: "low", source: { mediaType: "image/png", data: "AAAA" } },
      { kind: "document", title: "a.pdf", source: { mediaType: "application/pdf" } },
    ]);
  });
});

describe("tools", () => {
  test("namespaces, also inside an additional_tools item, become a mark on each tool", () => {
    const members = [{ type: "custom", name: "exec", format: { type: "text" } }];
    const { tools, turns } = decode({
      input: [
        {
          type: "additional_tools",
          role: "developer",
          tools: [{ type: "namespace", name: "functions", description: "", tools: members }],
        },
        { role: "user", content: "go" },
      ],
    });
    expect(tools).toMatchObject([
      {
        kind: "freeform",
        name: "exec",
        namespace: "functions",
        path: "input[0].tools[0].tools[0]",
      },
    ]);
    expect(turns).toHaveLength(1);
  });

  test("a tool that a search found again is offered once", () => {
    const tool = { type: "function", name: "f", defer_loading: true };
    const { tools } = decode({
      tools: [tool],
      input: [
        { type: "tool_search_output", tools: [tool] },
        { role: "user", content: "go" },
      ],
    });
    expect(tools.map((each) => each.kind)).toEqual(["function"]);
  });

  test("without a word on strict, a tool is strict exactly when its schema allows it", () => {
    const properties = { a: { type: "string" } };
    const open = { type: "object", properties };
    const closed = { ...open, required: ["a"], additionalProperties: false };
    const { tools } = decode({
      tools: [
        { type: "function", name: "open", parameters: open },
        { type: "function", name: "closed", parameters: closed },
        { type: "function", name: "said", parameters: closed, strict: false },
        { type: "function", name: "bare", parameters: null },
      ],
    });
    expect(tools.map((tool) => tool.kind === "function" && tool.strict)).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  test("hosted tools stay raw for the policy to judge", () => {
    const raw = { type: "web_search", external_web_access: false };
    expect(decode({ tools: [raw] }).tools).toEqual([
      { kind: "hosted", format: "responses", type: "web_search", raw, path: "tools[0]" },
    ]);
  });

  test("a choice without tools is dropped, a choice of an absent tool is refused", () => {
    expect(decode({ tool_choice: "required" }).toolChoice).toBeUndefined();
    const choice = { tool_choice: { type: "function", name: "g" } };
    expect(refusal({ ...choice, tools: [{ type: "function", name: "f" }] }).param).toBe(
      "tool_choice.name",
    );
  });
});

describe("parameters", () => {
  test("each is found under its canonical name with its path", () => {
    const request = decode({
      stream: true,
      max_output_tokens: 99,
      top_p: 0.5,
      safety_identifier: "u1",
      reasoning: { effort: "none", summary: "auto", context: "all_turns" },
      text: { verbosity: "low", format: { type: "json_object" } },
      include: ["reasoning.encrypted_content"],
      client_metadata: { a: "b" },
      stream_options: { include_obfuscation: false },
      temperature: null,
    });
    expect(request).toMatchObject({
      isStream: true,
      maxOutputTokens: 99,
      topP: 0.5,
      user: "u1",
      reasoning: { effort: "none", isDisabled: true, wantsSummary: true },
      verbosity: "low",
      output: { kind: "json_object" },
      wantsEncryptedReasoning: true,
      paths: { maxOutputTokens: "max_output_tokens", user: "safety_identifier" },
    });
    expect("temperature" in request).toBe(false);
  });

  test("store:true is a loss and is not passed on", () => {
    const losses = new Losses();
    expect(decode({ store: true }, losses).store).toBeUndefined();
    expect(losses.toString()).toContain("store=");
  });

  test("the echo completes tools and leaves out what the caller left alone", () => {
    const { echo } = decode({
      tools: [{ type: "function", name: "f" }],
      service_tier: "auto",
      metadata: { a: "b" },
    });
    expect(echo).toEqual({
      tools: [{ type: "function", name: "f", description: null, parameters: null, strict: false }],
      metadata: { a: "b" },
    });
  });
});
