// Gemini chunks → canonical events: blocks, calls in pieces, signatures, sources, and endings that are none.

import { describe, expect, test } from "bun:test";
import { type JsonObject, type Reply, ReplyAssembler } from "#wire";
import { Losses } from "../losses.ts";
import { decodeReply } from "./reply-decoder.ts";
import { createStreamDecoder } from "./stream-decoder.ts";

const chunk = (parts: JsonObject[], rest: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...rest }],
  modelVersion: "gemini-x",
  responseId: "r-1",
});
const stopped = (parts: JsonObject[] = [], finishReason = "STOP", rest: JsonObject = {}) =>
  chunk(parts, { finishReason, ...rest });

function decode(...chunks: (JsonObject | string)[]) {
  const losses = new Losses();
  const assembler = new ReplyAssembler();
  const decoder = createStreamDecoder((event) => assembler.push(event), {
    provider: "google",
    losses,
  });
  for (const each of chunks) {
    decoder.event("", typeof each === "string" ? each : JSON.stringify(each));
  }
  decoder.end();
  return { reply: assembler.reply, failure: assembler.failure, losses: losses.toString() };
}

const carrier = (data: string, id?: string) => ({
  format: "generate" as const,
  kind: "signature" as const,
  data,
  ...(id !== undefined && { id }),
  provider: "google",
});

describe("parts", () => {
  test("neighbours of one kind are one block; a signature on nothing follows its text", () => {
    const { reply } = decode(
      chunk([
        { text: "hm", thought: true },
        { text: "m", thought: true },
      ]),
      chunk([{ text: "Hel" }]),
      chunk([{ text: "lo" }]),
      stopped([{ text: "", thoughtSignature: "AB+/==" }]),
    );
    expect(reply?.parts).toEqual([
      { kind: "thinking", text: "hmm" },
      { kind: "text", text: "Hello" },
      { kind: "redacted", carrier: carrier("AB+/==") },
    ]);
    expect(reply?.stop).toBe("end");
  });

  test("the state of a call closes the thought before it, or stands alone, and names the call", () => {
    const { reply } = decode(
      chunk([{ text: "hm", thought: true }]),
      stopped([
        { functionCall: { name: "f", args: { n: 1 } }, thoughtSignature: "S1==" },
        { functionCall: { id: "own", name: "g", args: {} }, thoughtSignature: "S2==" },
      ]),
    );
    expect(reply?.parts).toEqual([
      { kind: "thinking", text: "hm", carrier: carrier("S1==", "gcall_r-1_0") },
      { kind: "toolCall", id: "gcall_r-1_0", name: "f", arguments: '{"n":1}' },
      { kind: "redacted", carrier: carrier("S2==", "own") },
      { kind: "toolCall", id: "own", name: "g", arguments: "{}" },
    ]);
    expect(reply?.stop).toBe("tool_use");
  });

  test("digits of large numbers survive in arguments", () => {
    const raw =
      '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"n":12345678901234567890}}}]},"finishReason":"STOP"}]}';
    expect(decode(raw).reply?.parts).toMatchObject([{ arguments: '{"n":12345678901234567890}' }]);
  });

  test("arguments in pieces are put together by their paths", () => {
    const piece = (call: JsonObject) => chunk([{ functionCall: call }]);
    const { reply } = decode(
      piece({ name: "f", willContinue: true }),
      piece({
        partialArgs: [{ jsonPath: "$.a[1].b", stringValue: "x", willContinue: true }],
        willContinue: true,
      }),
      piece({ partialArgs: [{ jsonPath: "$.a[1].b", stringValue: "y" }], willContinue: true }),
      piece({ partialArgs: [{ jsonPath: "$['__proto__']", numberValue: 2 }], willContinue: true }),
      piece({ partialArgs: [{ jsonPath: "$.z", nullValue: "NULL_VALUE" }], willContinue: true }),
      piece({}),
      piece({}),
      stopped([{ text: "" }]),
    );
    expect(reply?.parts).toMatchObject([
      { kind: "toolCall", arguments: '{"a":[null,{"b":"xy"}],"__proto__":2,"z":null}' },
    ]);
    expect(reply?.parts).toHaveLength(1);
  });

  test("a path that no honest answer has is a failure, not a crash", () => {
    for (const jsonPath of ["$[99999999]", "$.a[99999999]", "nonsense", "$", "$.", "$.a[x]"]) {
      const call = { name: "f", partialArgs: [{ jsonPath, stringValue: "x" }] };
      expect(decode(stopped([{ functionCall: call }])).failure?.kind).toBe("bad_gateway");
    }
  });

  test("what the provider ran by itself is a part of its own", () => {
    const raw = { executableCode: { language: "PYTHON", code: "1" }, thoughtSignature: "S==" };
    expect(decode(stopped([raw])).reply?.parts).toEqual([
      { kind: "serverTool", format: "generate", type: "executableCode", raw },
    ]);
  });

  test("sources are placed by characters although they count in bytes", () => {
    const groundingMetadata = {
      groundingChunks: [{ web: { uri: "https://h/1", title: "one" } }, { retrievedContext: {} }],
      groundingSupports: [
        {
          segment: { startIndex: 3, endIndex: 7, text: "ab é".slice(0, 2) + "c" },
          groundingChunkIndices: [0],
        },
        { segment: { startIndex: 5, endIndex: 8, text: "abc" }, groundingChunkIndices: [0, 1, 7] },
      ],
    };
    const { reply, losses } = decode(
      chunk([{ text: "é漢abc" }]),
      stopped([], "STOP", { groundingMetadata }),
    );
    expect(reply?.parts).toMatchObject([
      {
        citations: [
          { kind: "url", url: "https://h/1", title: "one" },
          { kind: "url", start: 2, end: 5, citedText: "abc" },
        ],
      },
    ]);
    const [part] = reply?.parts ?? [];
    expect(part?.kind === "text" && part.citations?.[0]).not.toHaveProperty("start");
    expect(losses).toContain("groundingMetadata");
  });
});

describe("usage", () => {
  test("thoughts are output, tools are input, the cache is part of the prompt, the last count is right", () => {
    const usageMetadata = {
      promptTokenCount: 100,
      cachedContentTokenCount: 40,
      toolUsePromptTokenCount: 7,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 3,
      totalTokenCount: 115,
    };
    const early = { ...chunk([{ text: "a" }]), usageMetadata: { promptTokenCount: 100 } };
    const { reply } = decode(early, { ...stopped(), usageMetadata });
    expect(reply?.usage).toEqual({
      input: 67,
      cacheRead: 40,
      cacheWrite: 0,
      output: 8,
      reasoning: 3,
    });
  });

  test("none, or none of the prompt, is none", () => {
    const usageMetadata = { candidatesTokenCount: 5 };
    expect(decode({ ...stopped([{ text: "a" }]), usageMetadata }).reply?.usage).toBeUndefined();
  });
});

describe("endings", () => {
  test.each(["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"])(
    "%s is the provider's cut, with its explanation",
    (reason) => {
      const { reply } = decode(stopped([{ text: "a" }], reason, { finishMessage: "because" }));
      expect(reply).toMatchObject({
        stop: "content_filter",
        parts: [{ kind: "text" }, { kind: "refusal", text: "because" }],
      });
    },
  );

  test.each(["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER", "BRAND_NEW", "9"])(
    "%s is a failure and never an answer",
    (reason) => {
      const { reply, failure } = decode(stopped([{ text: "a" }], reason, { finishMessage: "why" }));
      expect(reply).toBeUndefined();
      expect(failure?.kind).toBe("bad_gateway");
      expect(failure?.message).toContain("why");
      expect(failure?.code).toBe(reason.toLowerCase());
    },
  );

  test("a refused prompt is a cut without an answer", () => {
    const promptFeedback = { blockReason: "SAFETY", blockReasonMessage: "no" };
    expect(decode({ promptFeedback }).reply).toMatchObject({
      stop: "content_filter",
      parts: [{ kind: "refusal", text: "no" }],
    });
  });

  test("truncation wins over a call", () => {
    const call = { functionCall: { name: "f", args: {} } };
    expect(decode(stopped([call], "MAX_TOKENS")).reply?.stop).toBe("max_tokens");
  });

  test("without a reason the stream was cut", () => {
    expect(decode(chunk([{ text: "a" }])).failure?.message).toContain("closed the stream");
    expect(decode().failure).toBeDefined();
  });

  test("an error among chunks ends it with its cause", () => {
    const error = { code: 503, message: "overloaded", status: "UNAVAILABLE" };
    const { reply, failure } = decode(chunk([{ text: "a" }]), { error }, stopped());
    expect(reply).toBeUndefined();
    expect(failure).toMatchObject({ kind: "overloaded", message: "overloaded" });
  });
});

describe("whole replies", () => {
  const context = { provider: "google", losses: new Losses() };

  test("a list of chunks is one reply", () => {
    const reply: Reply = decodeReply([chunk([{ text: "a" }]), stopped([{ text: "b" }])], context);
    expect(reply.parts).toEqual([{ kind: "text", text: "ab" }]);
  });

  test.each([[{}], [[]], ["text"], [{ candidates: 7 }], [{ candidates: [] }]])(
    "%j is none",
    (body) => {
      expect(() => decodeReply(body, context)).toThrow(/no candidates|before it was finished/);
    },
  );
});
