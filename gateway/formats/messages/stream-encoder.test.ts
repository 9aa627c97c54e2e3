// SSE for Messages clients: the grammar holds for any legal event sequence, and decoding what we wrote
// gives back what we were told.

import { describe, expect, test } from "bun:test";
import type { JsonObject, ReplyEvent } from "#wire";
import { decodeCarrier, isJsonObject, parseJson, ReplyAssembler } from "#wire";
import { Losses } from "../losses.ts";
import { UNSIGNED } from "./opaque-state.ts";
import { encodeReply } from "./reply-encoder.ts";
import { createStreamDecoder } from "./stream-decoder.ts";
import { createStreamEncoder } from "./stream-encoder.ts";

const usage = { input: 5, cacheRead: 3, cacheWrite: 2, output: 9, reasoning: 4 };
const start: ReplyEvent = { type: "start" };
const close: ReplyEvent = { type: "close" };
const end: ReplyEvent = { type: "finish", stop: "end", usage };

function context() {
  return {
    model: "alias",
    id: "abc",
    createdSeconds: 1,
    newId: () => "new",
    request: null,
    losses: new Losses(),
  };
}

function encode(...events: ReplyEvent[]) {
  const ctx = context();
  const encoder = createStreamEncoder(ctx);
  const sse = events.map((event) => encoder.encode(event)).join("");
  const data: JsonObject[] = [];
  for (const frame of sse.split("\n\n").filter((frame) => frame.startsWith("event:"))) {
    const [, name = "", body = ""] = /^event: (.+)\ndata: (.+)$/.exec(frame) ?? [];
    const value = parseJson(body);
    if (!isJsonObject(value)) throw new Error(`no object: ${frame}`);
    expect(value.type).toBe(name);
    data.push(value);
  }
  return { data, types: data.map((event) => event.type), losses: ctx.losses.toString() };
}

function decode(data: JsonObject[]) {
  const assembler = new ReplyAssembler();
  const decoder = createStreamDecoder((event) => assembler.push(event), {
    provider: "p",
    losses: new Losses(),
  });
  for (const event of data) decoder.event(String(event.type), JSON.stringify(event));
  decoder.end();
  return assembler.reply;
}

test("a whole answer follows the grammar and its four usage figures are never null", () => {
  const { types, data } = encode(
    start,
    { type: "open", kind: "thinking" },
    { type: "delta", text: "hm" },
    { type: "close", carrier: { format: "messages", kind: "signature", data: "sig" } },
    { type: "open", kind: "text" },
    { type: "delta", text: 'quote " and 💡' },
    close,
    { type: "open", kind: "toolCall", id: "functions.f:0", name: "f" },
    close,
    { type: "finish", stop: "tool_use", usage },
  );
  expect(types).toEqual([
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_delta",
    "content_block_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "content_block_start",
    "content_block_stop",
    "message_delta",
    "message_stop",
  ]);
  expect(data[0]).toMatchObject({ message: { id: "msg_abc", model: "alias", content: [] } });
  expect(data[3]).toMatchObject({ index: 0, delta: { type: "signature_delta", signature: "sig" } });
  expect(data[6]).toMatchObject({ index: 1, delta: { text: 'quote " and 💡' } });
  expect(data[10]).toMatchObject({
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: {
      input_tokens: 5,
      cache_read_input_tokens: 3,
      cache_creation_input_tokens: 2,
      output_tokens: 9,
    },
  });
});

test("finish right after start is a valid empty message, with zero instead of null", () => {
  const { types, data } = encode(start, { type: "finish", stop: "end" });
  expect(types).toEqual(["message_start", "message_delta", "message_stop"]);
  expect(data[1]).toMatchObject({ usage: { input_tokens: 0, output_tokens: 0 } });
});

test("empty text and empty thinking leave no block and no index behind", () => {
  const { data } = encode(
    start,
    { type: "open", kind: "text" },
    close,
    { type: "open", kind: "thinking" },
    close,
    { type: "open", kind: "text" },
    { type: "delta", text: "a" },
    close,
    end,
  );
  expect(data[1]).toMatchObject({
    type: "content_block_start",
    index: 0,
    content_block: { type: "text" },
  });
});

test("an error ends the stream: nothing follows it, before or after the start", () => {
  const failure = { kind: "overloaded", message: "busy" } as const;
  const error: ReplyEvent = { type: "error", failure };
  for (const before of [[], [start], [start, { type: "open", kind: "text" } as const]]) {
    const { data, types } = encode(...before, error, end);
    expect(data.at(-1)).toMatchObject({ error: { type: "overloaded_error", message: "busy" } });
    expect(types).not.toContain("message_stop");
  }
});

describe("opaque state", () => {
  const signature = (event: ReplyEvent) => {
    const { data } = encode(
      start,
      { type: "open", kind: "thinking" },
      { type: "delta", text: "a" },
      event,
      end,
    );
    const found = data.find(
      (one) => isJsonObject(one.delta) && one.delta.type === "signature_delta",
    );
    return isJsonObject(found?.delta) ? String(found.delta.signature) : "";
  };

  test("foreign state becomes a carrier that decodes back", () => {
    const carrier = { format: "responses", kind: "encrypted", data: "e", id: "rs_1" } as const;
    expect(decodeCarrier(signature({ type: "close", carrier }))).toEqual(carrier);
  });

  test("thinking without state is marked, so that no provider is sent a made-up signature", () => {
    expect(signature(close)).toBe(UNSIGNED);
  });

  test("reasoning without visible text still yields a block", () => {
    const part = {
      kind: "redacted",
      carrier: { format: "responses", kind: "encrypted", data: "e" },
    } as const;
    const { data } = encode(start, { type: "block", part }, end);
    expect(data[1]).toMatchObject({ content_block: { type: "redacted_thinking" } });
  });
});

test("a server tool of another format is named as lost, never shown as a call", () => {
  const part = {
    kind: "serverTool",
    format: "responses",
    type: "web_search_call",
    raw: {},
  } as const;
  const { types, losses } = encode(start, { type: "block", part }, end);
  expect(types).toEqual(["message_start", "message_delta", "message_stop"]);
  expect(losses).toContain("reply.web_search_call");
});

test("free text becomes the escaped string member of an object, piece by piece", () => {
  const { data } = encode(
    start,
    { type: "open", kind: "toolCall", id: "c", name: "patch", isFreeform: true },
    { type: "delta", text: 'a"\n' },
    { type: "delta", text: "b" },
    close,
    end,
  );
  expect(decode(data)?.parts).toMatchObject([{ arguments: JSON.stringify({ input: 'a"\nb' }) }]);
});

test("a refusal part makes the stop reason a refusal", () => {
  const { data } = encode(
    start,
    { type: "open", kind: "refusal" },
    { type: "delta", text: "No." },
    close,
    end,
  );
  expect(data.at(-2)).toMatchObject({
    delta: { stop_reason: "refusal", stop_details: { type: "refusal" } },
  });
});

test("silence is filled with a comment before message_start and with pings after it", () => {
  const encoder = createStreamEncoder(context());
  expect(encoder.keepAlive).toBe(": ping\n\n");
  encoder.encode(start);
  expect(encoder.keepAlive).toBe('event: ping\ndata: {"type": "ping"}\n\n');
});

test("streamed and whole encodings of one reply decode to the same reply", () => {
  const events: ReplyEvent[] = [
    start,
    { type: "open", kind: "thinking" },
    { type: "delta", text: "hm" },
    { type: "close", carrier: { format: "messages", kind: "signature", data: "s", provider: "p" } },
    { type: "open", kind: "text" },
    { type: "delta", text: "a" },
    { type: "citation", citation: { kind: "url", url: "https://e.x", raw: {} } },
    close,
    { type: "open", kind: "toolCall", id: "c", name: "f" },
    { type: "delta", text: '{"x":12345678901234567890}' },
    close,
    { type: "finish", stop: "tool_use", usage },
  ];
  const streamed = decode(encode(...events).data);
  const assembler = new ReplyAssembler();
  for (const event of events) assembler.push(event);
  const reply = assembler.reply;
  if (!reply) throw new Error("no reply");
  const whole = encodeReply(reply, context());
  expect(whole).toMatchObject({
    id: "msg_abc",
    model: "alias",
    stop_reason: "tool_use",
    container: null,
  });
  expect(JSON.stringify(whole)).toContain('"input":{"x":12345678901234567890}');
  expect(streamed?.parts).toMatchObject(reply.parts.map(({ kind }) => ({ kind })));
  expect(streamed?.usage).toEqual(usage);
});
