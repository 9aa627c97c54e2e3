// What is remembered of reasoning, for whom, and for how long.

import { beforeEach, expect, test } from "bun:test";
import type { Carrier, ConversationRequest, Part, ReplyPart } from "#wire";
import { legalToolId } from "../formats/tool-id.ts";
import { ReasoningMemory } from "./reasoning-memory.ts";
import { MAX_REASONING_BYTES, REASONING_TTL_MS, ReasoningStore } from "./reasoning-store.ts";
import { ReplyRecorder } from "./reply-recorder.ts";

const sealed = (data: string): Carrier => ({
  format: "messages",
  kind: "signature",
  data,
  provider: "lab",
});
const thought = (data = "sig"): ReplyPart => ({
  kind: "thinking",
  text: "hm",
  carrier: sealed(data),
});
const call = (id = "toolu_1"): ReplyPart => ({ kind: "toolCall", id, name: "f", arguments: "{}" });
const asked = (...parts: Part[]): ConversationRequest => ({
  model: "m",
  isStream: false,
  instructions: [],
  turns: [
    { role: "user", parts: [{ kind: "text", text: "hi" }] },
    { role: "assistant", parts },
    { role: "user", parts: [{ kind: "toolResult", id: "toolu_1", parts: [] }] },
  ],
  tools: [],
  paths: {},
});

let nowMs = 0;
let memory: ReasoningMemory;
beforeEach(() => {
  nowMs = 1_000_000;
  memory = new ReasoningMemory(new ReasoningStore({ nowMs: () => nowMs }));
});

const restored = async (request: ConversationRequest, callerId = "ann", providerId = "lab") =>
  (await memory.restore(request, { callerId, providerId })).turns[1]?.parts;

test("reasoning comes back before the call that it led to, in place of what lost its seal", async () => {
  memory.keep("ann", [thought("one"), thought("two"), call()]);
  const text: Part = { kind: "text", text: "Looking." };
  const bare: Part = { kind: "thinking", text: "hm" };
  expect(await restored(asked(text, call()))).toEqual([
    thought("one"),
    thought("two"),
    text,
    call(),
  ]);
  expect(await restored(asked(bare, text, call()))).toEqual([
    thought("one"),
    thought("two"),
    text,
    call(),
  ]);
});

test("a client that handed it back is not helped", async () => {
  memory.keep("ann", [thought(), call()]);
  const own = thought("its own");
  expect(await restored(asked(own, call()))).toEqual([own, call()]);
});

test("it is its caller's and its provider's alone", async () => {
  memory.keep("ann", [thought(), call()]);
  const request = asked(call());
  for (const [callerId, providerId] of [
    ["bob", "lab"],
    ["ann", "other"],
  ] as const) {
    expect(memory.restore(request, { callerId, providerId })).toBe(request);
  }
});

test("an answer without a call, or without a seal, leaves nothing behind", async () => {
  memory.keep("ann", [thought()]);
  memory.keep("ann", [{ kind: "thinking", text: "hm" }, call()]);
  memory.keep("ann", [thought("x".repeat(MAX_REASONING_BYTES)), call()]);
  const request = asked(call());
  expect(memory.restore(request, { callerId: "ann", providerId: "lab" })).toBe(request);
});

test("it is remembered for as long as it is of use, and then forgotten", async () => {
  memory.keep("ann", [thought(), call()]);
  for (let turn = 0; turn < 3; turn += 1) {
    nowMs += REASONING_TTL_MS - 1;
    expect(await restored(asked(call()))).toHaveLength(2);
  }
  nowMs += REASONING_TTL_MS;
  expect(await restored(asked(call()))).toEqual([call()]);
});

test("an id that Chat does not take is found by the one that its client was given", async () => {
  const long = "functions.f:0".repeat(10);
  memory.keep("ann", [thought(), call(long)]);
  expect(await restored(asked(call(long)))).toEqual([call(long)]);
  const given = call(legalToolId(long, "chat"));
  expect(await restored(asked(given))).toEqual([thought(), given]);
});

test("a stream is remembered as the whole answer would be", async () => {
  const recorder = new ReplyRecorder();
  recorder.take({ type: "open", kind: "thinking" });
  recorder.delta("h");
  recorder.delta("m");
  recorder.take({ type: "close", carrier: sealed("sig") });
  recorder.take({ type: "block", part: { kind: "redacted", carrier: sealed("red") } });
  recorder.take({ type: "open", kind: "text" });
  expect(recorder.isOpen).toBe(false);
  recorder.take({ type: "close" });
  recorder.take({ type: "open", kind: "toolCall", id: "toolu_1", name: "f" });
  recorder.take({ type: "close" });
  expect(recorder.parts).toEqual([
    thought(),
    { kind: "redacted", carrier: sealed("red") },
    { kind: "toolCall", id: "toolu_1", name: "f", arguments: "" },
  ]);
});
