// Upstream streams, well and badly behaved: the events must be sequential, lose nothing, and never
// look like success when the stream was not finished.

import { describe, expect, test } from "bun:test";
import type { JsonObject, ReplyEvent } from "#wire";
import { ReplyAssembler } from "#wire";
import { Losses } from "../losses.ts";
import { decodeReply } from "./reply-decoder.ts";
import { createStreamDecoder } from "./stream-decoder.ts";

const start: JsonObject = {
  type: "message_start",
  message: { id: "msg_1", model: "claude", usage: { input_tokens: 10, output_tokens: 1 } },
};
const stop: JsonObject = { type: "message_stop" };

function open(index: number, content_block: JsonObject): JsonObject {
  return { type: "content_block_start", index, content_block };
}

function delta(index: number, fields: JsonObject): JsonObject {
  return { type: "content_block_delta", index, delta: fields };
}

function say(index: number, text: string): JsonObject {
  return delta(index, { type: "text_delta", text });
}

function json(index: number, partial_json: string): JsonObject {
  return delta(index, { type: "input_json_delta", partial_json });
}

function close(index: number): JsonObject {
  return { type: "content_block_stop", index };
}

function finish(stop_reason: string | null = "end_turn", fields: JsonObject = {}): JsonObject {
  return { type: "message_delta", delta: { stop_reason, ...fields }, usage: { output_tokens: 7 } };
}

function decode(...events: (JsonObject | string)[]) {
  const seen: ReplyEvent[] = [];
  const assembler = new ReplyAssembler();
  const decoder = createStreamDecoder(
    (event) => {
      seen.push(event);
      assembler.push(event);
    },
    { provider: "anthropic", losses: new Losses() },
  );
  for (const event of events) {
    if (typeof event === "string") decoder.event("", event);
    else decoder.event(String(event.type), JSON.stringify(event));
  }
  decoder.end();
  return { seen, reply: assembler.reply, failure: assembler.failure };
}

const text = { type: "text", text: "" };
const call = { type: "tool_use", id: "t1", name: "f", input: {} };

test("a signed thinking block with empty text, text and a call come through in order", () => {
  const { reply } = decode(
    start,
    open(0, { type: "thinking", thinking: "", signature: "" }),
    delta(0, { type: "signature_delta", signature: "sig" }),
    close(0),
    open(1, text),
    say(1, "a"),
    say(1, "b"),
    close(1),
    open(2, call),
    json(2, ""),
    json(2, '{"x":'),
    json(2, "1}"),
    close(2),
    finish("tool_use"),
    stop,
  );
  expect(reply).toEqual({
    id: "msg_1",
    model: "claude",
    parts: [
      {
        kind: "thinking",
        text: "",
        carrier: { format: "messages", kind: "signature", data: "sig", provider: "anthropic" },
      },
      { kind: "text", text: "ab" },
      { kind: "toolCall", id: "t1", name: "f", arguments: '{"x":1}' },
    ],
    stop: "tool_use",
    usage: { input: 10, cacheRead: 0, cacheWrite: 0, output: 7 },
  });
});

test("a duplicate message_start and everything after message_stop are ignored", () => {
  const { reply, seen } = decode(
    start,
    start,
    open(0, text),
    say(0, "a"),
    close(0),
    finish(),
    stop,
    start,
    open(0, text),
  );
  expect(reply?.parts).toEqual([{ kind: "text", text: "a" }]);
  expect(seen.filter((event) => event.type === "start")).toHaveLength(1);
  expect(seen.at(-1)?.type).toBe("finish");
});

test("overlapping blocks wait for each other and lose nothing", () => {
  const { reply } = decode(
    start,
    open(0, call),
    open(1, { ...call, id: "t2" }),
    json(1, '{"b":2}'),
    json(0, '{"a":1}'),
    close(1),
    close(0),
    finish("tool_use"),
    stop,
  );
  expect(reply?.parts).toMatchObject([
    { id: "t1", arguments: '{"a":1}' },
    { id: "t2", arguments: '{"b":2}' },
  ]);
});

test("missing stops, a missing message_start and a reused index are supplied", () => {
  const { reply } = decode(
    open(0, text),
    say(0, "a"),
    open(0, text),
    say(0, "b"),
    say(5, "c"),
    finish(),
    stop,
  );
  expect(reply?.parts.map((part) => (part.kind === "text" ? part.text : ""))).toEqual([
    "a",
    "b",
    "c",
  ]);
});

test("thinking inside a text block becomes thinking", () => {
  const { reply } = decode(
    start,
    open(0, text),
    delta(0, { type: "thinking_delta", thinking: "hm" }),
    say(0, "a"),
    close(0),
    finish(),
    stop,
  );
  expect(reply?.parts).toEqual([
    { kind: "thinking", text: "hm" },
    { kind: "text", text: "a" },
  ]);
});

test("input given whole at the start is kept, an empty text block is not", () => {
  const { reply } = decode(
    start,
    open(0, text),
    close(0),
    open(1, { ...call, input: { a: 1 } }),
    close(1),
    finish("tool_use"),
    stop,
  );
  expect(reply?.parts).toEqual([{ kind: "toolCall", id: "t1", name: "f", arguments: '{"a":1}' }]);
});

test("a server tool arrives whole, with its streamed input, and is no tool call", () => {
  const raw = { type: "server_tool_use", id: "s1", name: "web_search", input: {} };
  const { reply } = decode(
    start,
    open(0, raw),
    json(0, '{"query":'),
    json(0, '"q"}'),
    close(0),
    finish(),
    stop,
  );
  expect(reply).toMatchObject({
    stop: "end",
    parts: [
      { kind: "serverTool", type: "server_tool_use", raw: { ...raw, input: { query: "q" } } },
    ],
  });
});

test("a compaction block is filled by its delta", () => {
  const raw = { type: "compaction", content: null, encrypted_content: null };
  const filled = { type: "compaction_delta", content: "sum", encrypted_content: "enc" };
  const { reply } = decode(
    start,
    open(0, raw),
    delta(0, filled),
    close(0),
    finish("compaction"),
    stop,
  );
  expect(reply).toMatchObject({
    stop: "pause",
    parts: [{ raw: { type: "compaction", content: "sum", encrypted_content: "enc" } }],
  });
});

test("web citations carry their URL, document offsets stay in raw", () => {
  const citation = {
    type: "web_search_result_location",
    url: "https://e.x",
    title: "E",
    cited_text: "c",
    encrypted_index: "i",
  };
  const { reply } = decode(
    start,
    open(0, text),
    delta(0, { type: "citations_delta", citation }),
    say(0, "a"),
    close(0),
    finish(),
    stop,
  );
  expect(reply?.parts).toEqual([
    {
      kind: "text",
      text: "a",
      citations: [{ kind: "url", url: "https://e.x", title: "E", citedText: "c", raw: citation }],
    },
  ]);
});

test("a refusal brings its explanation", () => {
  const stop_details = { type: "refusal", category: "cyber", explanation: "No." };
  const { reply } = decode(start, finish("refusal", { stop_details }), stop);
  expect(reply).toMatchObject({ stop: "refusal", parts: [{ kind: "refusal", text: "No." }] });
});

test("arguments cut by the limit stay max_tokens, never tool_use", () => {
  const { reply } = decode(start, open(0, call), json(0, '{"a":'), finish("max_tokens"), stop);
  expect(reply).toMatchObject({ stop: "max_tokens", parts: [{ arguments: '{"a":' }] });
});

test("a second message_delta does not erase the stop reason", () => {
  expect(
    decode(start, finish("stop_sequence", { stop_sequence: "X" }), finish(null), stop).reply,
  ).toMatchObject({
    stop: "stop_sequence",
    stopSequence: "X",
  });
});

test("a call whose host gave no id gets one; a call without a name fails", () => {
  const { reply } = decode(
    start,
    open(0, { type: "tool_use", name: "f" }),
    close(0),
    finish("tool_use"),
    stop,
  );
  expect(reply?.parts).toEqual([
    { kind: "toolCall", id: "toolu_msg_1_0", name: "f", arguments: "{}" },
  ]);
  expect(decode(start, open(0, { type: "tool_use", id: "t" }), stop).failure?.kind).toBe(
    "bad_gateway",
  );
});

describe("never looks like success", () => {
  const cases: [string, (JsonObject | string)[], string][] = [
    ["the end before message_stop", [start, open(0, text), say(0, "a")], "bad_gateway"],
    ["the end right after message_delta", [start, finish()], "bad_gateway"],
    ["no event at all", [], "bad_gateway"],
    ["an event that is no JSON", [start, '{"type":'], "bad_gateway"],
    ["an event that is no object", [start, "[1]"], "bad_gateway"],
    ["an unknown stop reason", [start, finish("bored"), stop], "bad_gateway"],
    [
      "an error event in mid-block",
      [
        start,
        open(0, text),
        say(0, "a"),
        { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
        stop,
      ],
      "overloaded",
    ],
    ["an error without type", [start, '{"error":{"message":"boom"}}'], "bad_gateway"],
  ];
  test.each(cases)("%s", (_title, events, kind) => {
    const { reply, failure, seen } = decode(...events);
    expect(reply).toBeUndefined();
    expect(failure?.kind).toBe(kind as never);
    expect(seen.filter((event) => event.type === "error")).toHaveLength(1);
  });
});

test("streamed and whole answers are the same reply", () => {
  const usage = { input_tokens: 10, output_tokens: 7 };
  const whole = decodeReply(
    {
      id: "msg_1",
      type: "message",
      model: "claude",
      content: [
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "redacted_thinking", data: "r" },
        { type: "text", text: "a" },
        { type: "tool_use", id: "t1", name: "f", input: {} },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage,
    },
    { provider: "anthropic", losses: new Losses() },
  );
  const { reply } = decode(
    start,
    open(0, { type: "thinking", thinking: "", signature: "" }),
    delta(0, { type: "thinking_delta", thinking: "hm" }),
    delta(0, { type: "signature_delta", signature: "s" }),
    close(0),
    open(1, { type: "redacted_thinking", data: "r" }),
    close(1),
    open(2, text),
    say(2, "a"),
    close(2),
    open(3, call),
    close(3),
    finish("tool_use"),
    stop,
  );
  expect(reply).toEqual(whole);
});
