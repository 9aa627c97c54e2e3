// The same-format lane must not send a provider what this gateway wrapped for a client.

import { expect, test } from "bun:test";
import type { JsonObject } from "#wire";
import { encodeCarrier } from "#wire";
import { dropCarriers, UNSIGNED } from "./opaque-state.ts";

const foreign = encodeCarrier({ format: "responses", kind: "encrypted", data: "e" });
const hello: JsonObject = { role: "user", content: "hi" };

test("genuine blocks stay byte-equal and are reported as untouched", () => {
  const body: JsonObject = {
    messages: [
      hello,
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "", signature: "sig" },
          { type: "redacted_thinking", data: "d" },
          { type: "from_next_month", x: 1 },
        ],
      },
    ],
  };
  const before = JSON.stringify(body);
  expect(dropCarriers(body)).toBe(false);
  expect(JSON.stringify(body)).toBe(before);
});

test("carriers go, with a message that held nothing else, and so do made-up citations", () => {
  const body: JsonObject = {
    messages: [
      hello,
      { role: "assistant", content: [{ type: "redacted_thinking", data: foreign }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "t", signature: UNSIGNED },
          { type: "text", text: "a", citations: [{ type: "x", encrypted_index: UNSIGNED }] },
        ],
      },
    ],
  };
  expect(dropCarriers(body)).toBe(true);
  expect(body.messages).toEqual([
    hello,
    { role: "assistant", content: [{ type: "text", text: "a" }] },
  ]);
});

test("a call that thereby lost its thinking turns manual thinking off, adaptive thinking stays", () => {
  const after = (thinking: JsonObject) => {
    const content = [
      { type: "thinking", thinking: "t", signature: foreign },
      { type: "tool_use", id: "t1", name: "f", input: {} },
    ];
    const body: JsonObject = { thinking, messages: [hello, { role: "assistant", content }] };
    dropCarriers(body);
    return body.thinking;
  };
  expect(after({ type: "enabled", budget_tokens: 2000 })).toEqual({ type: "disabled" });
  expect(after({ type: "adaptive" })).toEqual({ type: "adaptive" });
});
