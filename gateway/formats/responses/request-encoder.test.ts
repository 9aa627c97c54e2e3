// What a Responses upstream is sent for a conversation that came in another dialect.

import { describe, expect, test } from "bun:test";
import type { Carrier, ConversationRequest, Part, Turn } from "#wire";
import type { Target } from "../format.ts";
import { Losses } from "../losses.ts";
import { encodeRequest, MAX_IDENTIFIER_CHARS, MIN_OUTPUT_TOKENS } from "./request-encoder.ts";

const EMPTY: ConversationRequest = {
  model: "alias",
  isStream: false,
  instructions: [],
  turns: [{ role: "user", parts: [{ kind: "text", text: "hi" }] }],
  tools: [],
  paths: {},
};

function target(fields: Partial<Target> = {}): Target {
  return { provider: "openai", model: "gpt", quirks: {}, losses: new Losses(), ...fields };
}

function encode(fields: Partial<ConversationRequest>, to = target()) {
  return encodeRequest({ ...EMPTY, ...fields }, to);
}

function itemsAfter(parts: Part[], results: Part[] = [{ kind: "text", text: "go on" }]): unknown {
  const turns: Turn[] = [
    { role: "assistant", parts },
    { role: "user", parts: results },
  ];
  return encode({ turns })["input"];
}

describe("a stream", () => {
  const padding = target({ quirks: { padsStreams: true } });

  test("is asked for without padding where the host would pad it", () => {
    expect(encode({ isStream: true }, padding)).toMatchObject({
      stream: true,
      stream_options: { include_obfuscation: false },
    });
  });

  test("is asked for with no option that the host may not know", () => {
    expect(encode({ isStream: true })).not.toHaveProperty("stream_options");
    expect(encode({}, padding)).not.toHaveProperty("stream_options");
  });
});

describe("input", () => {
  test("nothing is stored and no default is sent", () => {
    expect(encode({})).toEqual({
      model: "gpt",
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] }],
      store: false,
    });
  });

  test("one instruction is `instructions`; several keep their boundaries in one message", () => {
    const [a, b] = ["A", "B"].map((text) => ({ kind: "text", text }) as const);
    expect(encode({ instructions: a ? [a] : [] })).toMatchObject({ instructions: "A" });
    const body = encode({ instructions: a && b ? [a, b] : [] });
    expect("instructions" in body).toBe(false);
    expect(body["input"]).toMatchObject([
      { role: "developer", content: [{ text: "A" }, { text: "B" }] },
      { role: "user" },
    ]);
  });

  test("instructions alone are a message, since an empty input is refused", () => {
    const body = encode({ instructions: [{ kind: "text", text: "A" }], turns: [] });
    expect("instructions" in body).toBe(false);
    expect(body["input"]).toMatchObject([{ role: "developer", content: [{ text: "A" }] }]);
  });

  test("what the assistant said is output_text, its calls and their results are items", () => {
    const result: Part = {
      kind: "toolResult",
      id: "functions.Bash:0",
      parts: [{ kind: "text", text: "no" }],
      isError: true,
    };
    const items = itemsAfter(
      [
        { kind: "text", text: "ok" },
        { kind: "toolCall", id: "functions.Bash:0", name: "f", arguments: '{"n":1}' },
      ],
      [result, { kind: "text", text: "go on" }],
    );
    const callId: unknown = expect.stringMatching(/^call_[0-9a-f]{24}$/);
    expect(items).toEqual([
      {
        type: "message",
        role: "assistant",
        content: [{ type: "output_text", text: "ok", annotations: [] }],
      },
      { type: "function_call", call_id: callId, name: "f", arguments: '{"n":1}' },
      { type: "function_call_output", call_id: callId, output: "[tool error] no" },
      { type: "message", role: "user", content: [{ type: "input_text", text: "go on" }] },
    ]);
    const ids = JSON.stringify(items).match(/call_[0-9a-f]{24}/g);
    expect(new Set(ids).size).toBe(1);
  });

  test("the result of a custom call is a custom output, whatever dialect it came from", () => {
    expect(
      itemsAfter(
        [{ kind: "toolCall", id: "c", name: "patch", arguments: "raw", isFreeform: true }],
        [{ kind: "toolResult", id: "c", parts: [] }],
      ),
    ).toEqual([
      { type: "custom_tool_call", call_id: "c", name: "patch", input: "raw" },
      { type: "custom_tool_call_output", call_id: "c", output: "" },
    ]);
  });

  test("an image in a result stays in the result", () => {
    const image = {
      kind: "image",
      source: { from: "base64", mediaType: "image/png", data: "AAAA" },
    } as const;
    const items = itemsAfter(
      [{ kind: "toolCall", id: "c", name: "f", arguments: "{}" }],
      [{ kind: "toolResult", id: "c", parts: [image] }],
    );
    expect(items).toMatchObject([
      {},
      {
        output: [{ type: "input_image", detail: "auto", image_url: "data:image/png;base64,AAAA" }],
      },
    ]);
  });

  test("reasoning goes back to its maker only, and is never visible text", () => {
    const own: Carrier = { format: "responses", kind: "encrypted", data: "blob", id: "rs_1" };
    const foreign: Carrier = { format: "messages", kind: "signature", data: "sig" };
    expect(
      itemsAfter([
        { kind: "thinking", text: "own", carrier: { ...own, provider: "openai" } },
        { kind: "redacted", carrier: { ...own, provider: "xai" } },
        { kind: "thinking", text: "secret", carrier: foreign },
        { kind: "thinking", text: "bare" },
      ]),
    ).toEqual([
      {
        type: "reasoning",
        id: "rs_1",
        summary: [{ type: "summary_text", text: "own" }],
        encrypted_content: "blob",
      },
      { type: "message", role: "user", content: [{ type: "input_text", text: "go on" }] },
    ]);
  });

  test("a system turn in mid-conversation keeps its place", () => {
    const turns: Turn[] = [
      { role: "user", parts: [{ kind: "text", text: "a" }] },
      { role: "system", parts: [{ kind: "text", text: "b" }] },
      { role: "user", parts: [{ kind: "text", text: "c" }] },
    ];
    expect(encode({ turns })["input"]).toMatchObject([
      { role: "user" },
      { role: "developer" },
      { role: "user" },
    ]);
  });

  test("a prefill is refused", () => {
    const turns: Turn[] = [{ role: "assistant", parts: [{ kind: "text", text: "{" }], path: "p" }];
    expect(() => encode({ turns })).toThrow(
      expect.objectContaining({ code: "prefill_not_supported" }),
    );
  });

  test.each<Part>([
    { kind: "audio", mediaFormat: "wav", data: "AA" },
    { kind: "image", source: { from: "file", fileId: "file_1", format: "messages" } },
    { kind: "document", source: { from: "text", text: "x" }, citations: true },
  ])("%j is refused with its path", (part) => {
    const turns: Turn[] = [{ role: "user", parts: [{ ...part, path: "messages[0].content[0]" }] }];
    expect(() => encode({ turns })).toThrow("messages[0].content[0]");
  });
});

describe("parameters", () => {
  test.each<[Partial<ConversationRequest>, string]>([
    [{ stop: ["x"], paths: { stop: "stop_sequences" } }, "stop_sequences"],
    [{ candidates: 2 }, "n"],
    [{ logprobs: true }, "logprobs"],
    [{ logitBias: { "1": 2 } }, "logit_bias"],
    [{ presencePenalty: 0.5 }, "presence_penalty"],
    [{ serviceTier: "batch" }, "service_tier"],
  ])("%j is refused", (fields, param) => {
    expect(() => encode(fields)).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ param }) }),
    );
  });

  test("zero penalties, one candidate and no stops are no wishes", () => {
    const fields = { presencePenalty: 0, candidates: 1, stop: [], logprobs: false, logitBias: {} };
    expect(encode(fields)).toEqual(encode({}));
  });

  test("the output limit is brought into range, by name", () => {
    const to = target({ maxOutputTokens: 100 });
    const paths = { maxOutputTokens: "max_tokens" };
    expect(encode({ maxOutputTokens: 1, paths }, to)["max_output_tokens"]).toBe(MIN_OUTPUT_TOKENS);
    expect(to.losses.toString()).toContain("max_tokens=raised");
    expect(encode({ maxOutputTokens: 128_000 }, to)["max_output_tokens"]).toBe(100);
  });

  test("strict is written out, off unless the caller said otherwise", () => {
    const schema = { type: "object", properties: {} };
    const tools = [{ kind: "function", name: "f", schema }] as const;
    expect(encode({ tools, toolChoice: { mode: "tool", name: "f" } })).toMatchObject({
      tools: [{ type: "function", name: "f", parameters: schema, strict: false }],
      tool_choice: { type: "function", name: "f" },
    });
  });

  test("a choice without tools is not sent", () => {
    const body = encode({ toolChoice: { mode: "required" }, parallelToolCalls: false });
    expect("tool_choice" in body || "parallel_tool_calls" in body).toBe(false);
  });

  test("members of one namespace are gathered again", () => {
    const one = { kind: "freeform", name: "a", namespace: "ns" } as const;
    const tools = [one, { ...one, name: "b" }];
    expect(encode({ tools })["tools"]).toMatchObject([
      { type: "namespace", name: "ns", tools: [{ name: "a" }, { name: "b" }] },
    ]);
  });

  test("a thinking request asks for the state, a request without thinking does not", () => {
    expect(encode({ reasoning: { budgetTokens: 5_000, wantsSummary: true } })).toMatchObject({
      reasoning: { effort: "medium", summary: "auto" },
      include: ["reasoning.encrypted_content"],
    });
    expect("include" in encode({})).toBe(false);
    const off = encode({ reasoning: { isDisabled: true } });
    expect("include" in off || "reasoning" in off).toBe(false);
  });

  test("an identifier too long for the vendor becomes a stable hash, and says so", () => {
    const user = "u".repeat(MAX_IDENTIFIER_CHARS + 1);
    const to = target();
    const first = encode({ user, paths: { user: "metadata.user_id" } }, to)["safety_identifier"];
    expect(to.losses.toString()).toStartWith("metadata.user_id=");
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(encode({ user })["safety_identifier"]).toBe(first);
    expect(encode({ user: "u1" })["safety_identifier"]).toBe("u1");
  });

  test("a foreign hosted tool is refused", () => {
    const raw = { type: "bash_20250124", name: "bash" };
    const tools = [{ kind: "hosted", format: "messages", type: raw.type, raw }] as const;
    expect(() => encode({ tools })).toThrow(expect.objectContaining({ code: "unsupported_tool" }));
  });
});
