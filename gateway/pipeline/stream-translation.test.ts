// The translation of a stream, above all its shortcut: an answer must not depend on which events were decoded.

import { describe, expect, test } from "bun:test";
import { registerSecret } from "#platform";
import { ReplyAssembler, type ReplyEvent } from "#wire";
import type { Format, ReplyContext } from "../formats/format.ts";
import { formats } from "../formats/index.ts";
import { Losses } from "../formats/losses.ts";
import { createStreamTranslation } from "./stream-translation.ts";

const utf8 = new TextEncoder();
const upstream = () => ({ provider: "p", losses: new Losses() });

function context(): ReplyContext {
  return {
    model: "m",
    id: "i".repeat(24),
    createdSeconds: 1,
    newId: () => "n".repeat(24),
    request: null,
    losses: new Losses(),
  };
}

function translate(from: Format, events: readonly string[], to: Format = formats.messages): string {
  const stream = createStreamTranslation({ from, to, upstream: upstream(), reply: context() });
  return events.map((event) => stream.push(utf8.encode(event))).join("") + stream.end();
}

/** The same events decoded one by one, and encoded. */
function decodeAll(from: Format, events: readonly string[], to: Format = formats.messages): string {
  const assembler = new ReplyAssembler();
  const encoder = to.createStreamEncoder(context());
  let out = "";
  const decoder = from.createStreamDecoder((event: ReplyEvent) => {
    assembler.push(event);
    out += encoder.encode(event);
  }, upstream());
  for (const event of events) {
    const data = event.split("\n").find((line) => line.startsWith("data: "));
    const name = event.split("\n").find((line) => line.startsWith("event: "));
    decoder.event(name?.slice("event: ".length) ?? "", data?.slice("data: ".length) ?? "");
  }
  decoder.end();
  return out;
}

const chunk = (delta: unknown, rest: object = {}) =>
  `data: ${JSON.stringify({ id: "1", model: "m", choices: [{ index: 0, delta, finish_reason: null }], ...rest })}\n\n`;
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
const end = [
  chunk({}, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage }),
  "data: [DONE]\n\n",
];

describe("a stream whose events repeat reads as if each were decoded", () => {
  const words = ["one ", "two ", "three ", 'say "four" ', "\n", "five"];

  test("text", () => {
    const events = [...words.map((content) => chunk({ content })), ...end];
    expect(translate(formats.chat, events)).toBe(decodeAll(formats.chat, events));
  });

  test("reasoning whose details are collected for its carrier", () => {
    const details = words.map((text) =>
      chunk({ reasoning_details: [{ type: "reasoning.text", text, index: 0 }] }),
    );
    const signed = chunk({
      reasoning_details: [{ type: "reasoning.text", signature: "sig", index: 0 }],
    });
    const events = [...details, signed, chunk({ content: "answer" }), ...end];
    expect(translate(formats.chat, events)).toBe(decodeAll(formats.chat, events));
  });

  test("two tool calls whose arguments interleave", () => {
    const call = (index: number, text: string) =>
      chunk({ tool_calls: [{ index, function: { arguments: text } }] });
    const open = (index: number) =>
      chunk({
        tool_calls: [
          { index, id: `c${index}`, type: "function", function: { name: "f", arguments: "" } },
        ],
      });
    const events = [
      open(0),
      call(0, "{"),
      call(0, '"a":'),
      open(1),
      call(0, "1"),
      call(1, "{"),
      call(0, "}"),
      call(1, "}"),
      ...end,
    ];
    expect(translate(formats.chat, events)).toBe(decodeAll(formats.chat, events));
  });

  test("text, thinking and text again of Messages", () => {
    const delta = (index: number, type: string, text: string) =>
      `event: content_block_delta\ndata: ${JSON.stringify({ type: "content_block_delta", index, delta: { type: `${type}_delta`, [type]: text } })}\n\n`;
    const events = [
      'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}\n\n',
      'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
      ...words.map((text) => delta(0, "text", text)),
      ...words.map((text) => delta(0, "thinking", text)),
      ...words.map((text) => delta(0, "text", text)),
      'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n',
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ];
    expect(translate(formats.messages, events, formats.chat)).toBe(
      decodeAll(formats.messages, events, formats.chat),
    );
  });
});

test("an upstream that reports no usage gets an estimate, and the estimate is marked", () => {
  const events = [
    chunk({ content: "12345678" }),
    chunk({}, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
    "data: [DONE]\n\n",
  ];
  const text = translate(formats.chat, events);
  expect(text).toContain(": x-parley-usage: estimated\n\n");
  expect(text).toContain('"output_tokens":2');
});

test("a key that an upstream echoes in mid-stream reaches nobody", () => {
  const key = "plainkey-0123456789";
  registerSecret(key);
  const events = [chunk({ content: "x" }), `data: {"error":{"message":"bad key ${key}"}}\n\n`];
  for (const to of Object.values(formats))
    expect(translate(formats.chat, events, to)).not.toContain(key);
});
