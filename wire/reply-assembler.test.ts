// The order that canonical events must have, and the reply they spell.

import { describe, expect, test } from "bun:test";
import type { ReplyEvent } from "./reply.ts";
import { ReplyAssembler, ReplyEventOrderError } from "./reply-assembler.ts";

const start: ReplyEvent = { type: "start" };
const open: ReplyEvent = { type: "open", kind: "text" };
const delta: ReplyEvent = { type: "delta", text: "x" };
const close: ReplyEvent = { type: "close" };
const finish: ReplyEvent = { type: "finish", stop: "end" };
const error: ReplyEvent = { type: "error", failure: { kind: "internal", message: "m" } };
const block: ReplyEvent = {
  type: "block",
  part: { kind: "serverTool", format: "messages", type: "t", raw: {} },
};
const citation: ReplyEvent = { type: "citation", citation: { kind: "url", raw: {} } };

function push(events: readonly ReplyEvent[]): ReplyAssembler {
  const assembler = new ReplyAssembler();
  for (const event of events) assembler.push(event);
  return assembler;
}

describe("an order that the contract forbids is refused", () => {
  test.each<[string, readonly ReplyEvent[]]>([
    ["anything before the start", [open]],
    ["a second start", [start, start]],
    ["a block in a block", [start, open, open]],
    ["a whole block in a block", [start, open, block]],
    ["text outside a block", [start, delta]],
    ["empty text", [start, open, { type: "delta", text: "" }]],
    ["a source outside text", [start, citation]],
    ["an end without a beginning", [start, close]],
    ["a finish in a block", [start, open, finish]],
    ["anything after the finish", [start, finish, open]],
    ["anything after an error", [start, error, finish]],
  ])("%s", (_name, events) => {
    expect(() => push(events)).toThrow(ReplyEventOrderError);
  });
});

test("a whole answer is folded, pings aside", () => {
  const usage = { input: 1, cacheRead: 0, cacheWrite: 0, output: 2 };
  const { reply } = push([
    { type: "start", id: "i", model: "m" },
    { type: "open", kind: "thinking", isRaw: true },
    delta,
    { type: "ping" },
    delta,
    { type: "close", carrier: { format: "chat", kind: "details", data: "d" } },
    open,
    delta,
    citation,
    close,
    block,
    { type: "open", kind: "toolCall", id: "c", name: "f" },
    close,
    { type: "finish", stop: "tool_use", usage },
  ]);
  expect(reply).toEqual({
    id: "i",
    model: "m",
    parts: [
      {
        kind: "thinking",
        text: "xx",
        isRaw: true,
        carrier: { format: "chat", kind: "details", data: "d" },
      },
      { kind: "text", text: "x", citations: [{ kind: "url", raw: {} }] },
      { kind: "serverTool", format: "messages", type: "t", raw: {} },
      { kind: "toolCall", id: "c", name: "f", arguments: "{}" },
    ],
    stop: "tool_use",
    usage,
  });
});

test("an error leaves a failure and no reply", () => {
  const assembler = push([start, open, delta, error]);
  expect(assembler.failure?.message).toBe("m");
  expect(assembler.reply).toBeUndefined();
});
