// Chat request bodies, good and bad. Every refusal must point into the caller's own body.

import { describe, expect, test } from "bun:test";
import { encodeCarrier, type Json, type JsonObject } from "#wire";
import { GatewayError } from "../../errors.ts";
import { Losses } from "../losses.ts";
import { decodeRequest } from "./request-decoder.ts";

const USER: Json = { role: "user", content: "hi" };

function decode(body: JsonObject, losses = new Losses()) {
  return decodeRequest({ model: "m", messages: [USER], ...body }, { losses });
}

function refusal(body: JsonObject): { code: string; param: string | undefined } {
  try {
    decode(body);
  } catch (error) {
    if (error instanceof GatewayError) return { code: error.code, param: error.failure.param };
    throw error;
  }
  throw new Error("was accepted");
}

function turnsOf(messages: Json[], losses = new Losses()) {
  return decode({ messages }, losses).turns;
}

describe("messages", () => {
  test("leading system and developer messages are instructions; later ones keep their place", () => {
    const request = decode({
      messages: [
        { role: "system", content: "a" },
        { role: "developer", content: [{ type: "text", text: "b" }] },
        USER,
        { role: "system", content: "c" },
      ],
    });
    expect(request.instructions.map((part) => part.text)).toEqual(["a", "b"]);
    expect(request.turns.map((turn) => turn.role)).toEqual(["user", "system"]);
  });

  test("a run of tool messages is one user turn", () => {
    const call = (id: string): Json => ({
      id,
      type: "function",
      function: { name: "f", arguments: "" },
    });
    const turns = turnsOf([
      USER,
      { role: "assistant", content: null, tool_calls: [call("a"), call("b")] },
      { role: "tool", tool_call_id: "a", content: "1" },
      { role: "tool", tool_call_id: "b", content: [{ type: "text", text: "2" }] },
      USER,
    ]);
    expect(turns.map((turn) => turn.parts.map((part) => part.kind))).toEqual([
      ["text"],
      ["toolCall", "toolCall"],
      ["toolResult", "toolResult"],
      ["text"],
    ]);
    expect(turns[1]?.parts[0]).toMatchObject({
      arguments: "{}",
      path: "messages[1].tool_calls[0]",
    });
  });

  test("data URLs lose their parameters, nothing else", () => {
    const image = { url: "data:image/PNG;charset=utf-8;base64,QUJD", detail: "low" };
    const [turn] = turnsOf([{ role: "user", content: [{ type: "image_url", image_url: image }] }]);
    expect(turn?.parts[0]).toMatchObject({
      source: { from: "base64", mediaType: "image/png", data: "QUJD" },
      detail: "low",
    });
  });

  test("legacy function messages pair with their calls", () => {
    const turns = turnsOf([
      USER,
      { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
      { role: "function", name: "f", content: "42" },
    ]);
    expect(turns[1]?.parts[0]).toMatchObject({ kind: "toolCall", id: "call_function_1" });
    expect(turns[2]?.parts[0]).toMatchObject({ kind: "toolResult", id: "call_function_1" });
  });

  test("an empty assistant message does not become an empty turn", () => {
    expect(turnsOf([USER, { role: "assistant", content: "" }])).toHaveLength(1);
  });

  test.each<[string, JsonObject, string]>([
    ["a role", { role: "robot", content: "x" }, "messages[0].role"],
    [
      "a part type",
      { role: "user", content: [{ type: "video_url" }] },
      "messages[0].content[0].type",
    ],
    [
      "a part in the wrong role",
      { role: "system", content: [{ type: "image_url" }] },
      "messages[0].content[0].type",
    ],
    ["content", { role: "user", content: 5 }, "messages[0].content"],
    ["text", { role: "user", content: [{ type: "text", text: 1 }] }, "messages[0].content[0].text"],
    [
      "an image",
      { role: "user", content: [{ type: "image_url", image_url: {} }] },
      "messages[0].content[0].image_url",
    ],
    [
      "base64",
      {
        role: "user",
        content: [{ type: "input_audio", input_audio: { data: "?", format: "wav" } }],
      },
      "messages[0].content[0].input_audio.data",
    ],
    ["a tool id", { role: "tool", content: "x" }, "messages[0].tool_call_id"],
    [
      "a call",
      { role: "assistant", tool_calls: [{ id: "a", type: "function" }] },
      "messages[0].tool_calls[0].function",
    ],
  ])("wrong %s is refused at its path", (_what, message, param) => {
    expect(refusal({ messages: [message] }).param).toBe(param);
  });

  test("unknown fields inside a message are losses, nulls and cache hints are nothing", () => {
    const losses = new Losses();
    turnsOf(
      [{ role: "user", content: "x", prefix: true, cache_control: {}, weight: null }],
      losses,
    );
    expect(losses.toString()).toBe("messages[0].prefix=unknown field");
  });
});

describe("echoed reasoning", () => {
  const assistant = (fields: { [key: string]: Json }): Json[] => [
    USER,
    { role: "assistant", content: "ok", ...fields },
  ];

  test("foreign state comes back as the carrier it was", () => {
    const carrier = { format: "messages", kind: "signature", data: "S", provider: "p" } as const;
    const signature = encodeCarrier(carrier);
    const reasoning_details = [{ type: "reasoning.text", text: "hm", signature }];
    const [, turn] = turnsOf(assistant({ reasoning_content: "hm", reasoning_details }));
    expect(turn?.parts[0]).toMatchObject({ kind: "thinking", text: "hm", carrier });
  });

  test("native details stay one carrier without a provider", () => {
    const reasoning_details = [{ type: "reasoning.encrypted", data: "zz", index: 0 }];
    const [, turn] = turnsOf(assistant({ reasoning: "hm", reasoning_details }));
    expect(turn?.parts[0]).toMatchObject({
      kind: "thinking",
      text: "hm",
      carrier: { format: "chat", kind: "details", data: JSON.stringify(reasoning_details) },
    });
  });

  test("damaged state is dropped, its text is not", () => {
    const losses = new Losses();
    const reasoning_details = [{ type: "reasoning.text", text: "hm", signature: "gw1.%%%" }];
    const [, turn] = turnsOf(assistant({ reasoning_details }), losses);
    expect(turn?.parts[0]).not.toHaveProperty("carrier");
    expect(turn?.parts[0]).toMatchObject({ kind: "thinking", text: "hm" });
    expect(losses.isEmpty).toBeFalse();
  });
});

describe("parameters", () => {
  test("each is carried with the field it came from", () => {
    const request = decode({ max_tokens: 5, stop: "END", safety_identifier: "u", n: 1 });
    expect(request).toMatchObject({ maxOutputTokens: 5, stop: ["END"], user: "u", candidates: 1 });
    expect(request.paths).toMatchObject({
      maxOutputTokens: "max_tokens",
      stop: "stop",
      user: "safety_identifier",
      candidates: "n",
    });
    expect(request).not.toHaveProperty("temperature");
  });

  test("null is absent, even for a field we do not know", () => {
    expect(decode({ temperature: null, min_p: null })).not.toHaveProperty("temperature");
  });

  test.each<[JsonObject, string, string]>([
    [{ min_p: 1 }, "unknown_parameter", "min_p"],
    [{ moderation: {} }, "unsupported_parameter", "moderation"],
    [{ modalities: ["text", "audio"] }, "unsupported_parameter", "modalities[1]"],
    [{ temperature: 3 }, "invalid_value", "temperature"],
    [{ response_format: { type: "xml" } }, "invalid_value", "response_format.type"],
    [{ tools: [{ type: "function", function: {} }] }, "invalid_value", "tools[0].function.name"],
    [{ messages: [] }, "invalid_value", "messages"],
  ])("%j is refused as %s at %s", (body, code, param) => {
    expect(refusal(body)).toEqual({ code, param });
  });

  test("a choice of an undeclared tool is refused", () => {
    const tools: Json = [{ type: "function", function: { name: "f" } }];
    const tool_choice: Json = { type: "function", function: { name: "g" } };
    expect(refusal({ tools, tool_choice }).param).toBe("tool_choice");
    expect(decode({ tools }).tools).toMatchObject([{ schema: { type: "object", properties: {} } }]);
  });

  test("unknown tool types and web_search_options go to the policy whole", () => {
    const request = decode({
      tools: [{ type: "x:web_search", a: 1 }],
      web_search_options: { b: 2 },
    });
    expect(request.tools).toMatchObject([
      { kind: "hosted", format: "chat", type: "x:web_search", raw: { a: 1 } },
      { kind: "hosted", format: "chat", type: "web_search", raw: { b: 2 } },
    ]);
  });

  test("every spelling of reasoning control is understood", () => {
    expect(decode({ reasoning_effort: "none" }).reasoning).toMatchObject({ isDisabled: true });
    expect(decode({ reasoning: { max_tokens: 9 } }).reasoning).toMatchObject({ budgetTokens: 9 });
    expect(decode({ thinking: { type: "disabled" } }).reasoning).toEqual({ isDisabled: true });
    expect(decode({ enable_thinking: false }).reasoning).toEqual({ isDisabled: true });
  });
});
