// The Chat checker against streams written by hand: clean ones pass, and each defect that the
// official SDK lets through is found by its rule. The reader is tested on the habits of hosts.

import { describe, expect, test } from "bun:test";
import { checkChatBody, checkChatStream } from "./chat.ts";
import { readChatBody, readChatStream } from "./chat-outcome.ts";

const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 5, model: "m" };
const chunk = (delta: object, finish_reason: string | null = null) => ({
  ...head,
  choices: [{ index: 0, delta, logprobs: null, finish_reason }],
});
const usage = {
  prompt_tokens: 10,
  completion_tokens: 4,
  total_tokens: 14,
  prompt_tokens_details: { cached_tokens: 6, cache_write_tokens: 1 },
  completion_tokens_details: { reasoning_tokens: 2 },
};
const usageChunk = { ...head, choices: [], usage };
const call = (index: number, id: string, name: string) =>
  chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] });
const argumentsOf = (index: number, text: string) =>
  chunk({ tool_calls: [{ index, function: { arguments: text } }] });

const sse = (chunks: readonly object[], end = "data: [DONE]\n\n") =>
  chunks.map((each) => `data: ${JSON.stringify(each)}\n\n`).join("") + end;

const role = chunk({ role: "assistant", content: "" });
const hel = chunk({ content: "Hel" });
const lo = chunk({ content: "lo" });
const first = [call(0, "call_a", "look"), argumentsOf(0, '{"a"'), argumentsOf(0, ":1}")];
const second = [call(1, "call_b", "see"), argumentsOf(1, "{}")];
const finish = chunk({}, "tool_calls");
const good = [role, hel, lo, ...first, ...second, finish, usageChunk];
const failure = { error: { message: "busy", type: "server_error", param: null, code: null } };

const swapped = (chunk: object | undefined, ...others: object[]) =>
  good.flatMap((each) => (each === chunk ? others : [each]));
const rules = (stream: string, includeUsage = true) =>
  checkChatStream(stream, { model: "m", includeUsage }).map(({ rule }) => rule);

describe("chat grammar", () => {
  test("a clean stream has no violation", () => {
    expect(checkChatStream(sse(good), { model: "m", includeUsage: true })).toEqual([]);
  });

  test("a failure ends the stream without [DONE]", () => {
    expect(rules(sse([role, hel, failure], ""))).toEqual([]);
    expect(rules(sse([failure], ""))).toEqual([]);
  });

  test("comments between chunks are legal", () => {
    expect(rules(`: keep-alive\n\n${sse(good)}`)).toEqual([]);
  });

  test("arguments cut by length need not be JSON", () => {
    const cut = [role, first[0] ?? {}, first[1] ?? {}, chunk({}, "length"), usageChunk];
    expect(rules(sse(cut))).toEqual([]);
  });

  const defects: Record<string, [stream: string, rule: string]> = {
    "event lines": [sse(good).replaceAll("data: {", "event: chunk\ndata: {"), "event-line"],
    "cut without finish_reason": [sse([role, hel], ""), "terminal"],
    "no [DONE]": [sse(good, ""), "terminal"],
    "[DONE] without finish_reason": [sse([role, hel]), "finish"],
    "no role in the first delta": [sse(good.slice(1)), "role-first"],
    "role again": [sse(swapped(lo, chunk({ role: "assistant", content: "lo" }))), "role-once"],
    "two calls both index 0": [sse(swapped(second[0], call(0, "call_b", "see"))), "unknown-field"],
    "tool delta without an index": [sse(good).replace('"index":1,"id"', '"id"'), "call-index"],
    "index gap between calls": [sse(good).replaceAll('[{"index":1', '[{"index":2'), "call-index"],
    "deltas go back to an earlier call": [
      sse(swapped(finish, argumentsOf(0, " "), finish)),
      "call-index",
    ],
    "id repeated on a later delta": [
      sse(
        swapped(
          first[1],
          chunk({ tool_calls: [{ index: 0, id: "call_a", function: { arguments: '{"a"' } }] }),
        ),
      ),
      "unknown-field",
    ],
    "summary chunk repeats the arguments": [
      sse(swapped(finish, argumentsOf(1, "{}"), finish)),
      "tool-json",
    ],
    "arguments never sent": [sse(swapped(second[1])), "tool-json"],
    "one id for two calls": [sse(good).replace("call_b", "call_a"), "tool-id"],
    "id longer than 40": [sse(good).replaceAll("call_b", "c".repeat(41)), "tool-id"],
    "two finish chunks": [sse(swapped(finish, finish, finish)), "one-finish"],
    "finish chunk with content": [
      sse(swapped(finish, chunk({ content: "x" }, "tool_calls"))),
      "finish",
    ],
    "stop although tools are called": [sse(swapped(finish, chunk({}, "stop"))), "finish"],
    "tool_calls without a call": [sse([role, hel, finish, usageChunk]), "finish"],
    "unknown finish_reason": [sse(swapped(finish, chunk({}, "error"))), "finish"],
    "usage asked for and absent": [sse(good.slice(0, -1)), "usage"],
    "usage beside choices": [sse(swapped(lo, { ...lo, usage })), "usage"],
    "usage twice": [sse([...good, usageChunk]), "usage"],
    "usage before the finish": [sse(swapped(finish, usageChunk, finish)), "order"],
    "total that is no sum": [
      sse(good).replace('"total_tokens":14', '"total_tokens":15'),
      "usage-sum",
    ],
    "id changes": [sse(swapped(lo, { ...lo, id: "chatcmpl-2" })), "same-identity"],
    "created changes": [sse(swapped(lo, { ...lo, created: 6 })), "same-identity"],
    "the upstream's model": [sse(good).replaceAll('"model":"m"', '"model":"up"'), "model"],
    obfuscation: [sse(swapped(lo, { ...lo, obfuscation: "x" })), "unknown-field"],
    "empty delta": [sse(swapped(lo, chunk({ content: "" }))), "empty-delta"],
    "[DONE] after an error": [sse([role, hel, failure]), "after-end"],
    "error after finish_reason": [sse([role, hel, chunk({}, "stop"), failure], ""), "order"],
    "error beside choices": [sse([role, { ...lo, ...failure }], ""), "unknown-field"],
    "chunk after [DONE]": [`${sse(good)}${sse([lo], "")}`, "after-end"],
    "no JSON": [`${sse([role], "")}data: {"a\n\n`, "json"],
  };
  for (const [title, [stream, rule]] of Object.entries(defects)) {
    test(`finds: ${title}`, () => {
      expect(rules(stream)).toContain(rule);
    });
  }

  test("a usage chunk that nobody asked for is found", () => {
    expect(rules(sse(good), false)).toContain("usage");
    expect(rules(sse(good.slice(0, -1)), false)).toEqual([]);
  });

  test("a whole reply without refusal or logprobs is reported", () => {
    const body = {
      ...head,
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content: "x" }, finish_reason: "stop" }],
    };
    const missing = checkChatBody(body).map(({ what }) => what);
    expect(missing).toEqual(["choice.logprobs", "message.refusal"]);
  });
});

describe("chat reader", () => {
  test("a stream spells text, calls, stop and usage", () => {
    expect(readChatStream(sse(good))).toEqual({
      text: "Hello",
      thinking: "",
      refusal: "",
      toolCalls: [
        { id: "call_a", name: "look", arguments: '{"a":1}', isFreeform: false },
        { id: "call_b", name: "see", arguments: "{}", isFreeform: false },
      ],
      opaque: [],
      usage: { input: 10, cacheRead: 6, cacheWrite: 1, output: 4 },
      stop: "tool_use",
    });
  });

  test("two finishes, usage beside choices and a missing [DONE] are one answer", () => {
    const stream = sse(
      [role, hel, { ...chunk({}, "stop"), usage }, { ...chunk({}, "stop"), usage }],
      "",
    );
    expect(readChatStream(stream)).toMatchObject({
      text: "Hel",
      stop: "end",
      usage: { input: 10 },
    });
  });

  test("a stream that never says finish ends at [DONE], and is cut off at the end of bytes", () => {
    expect(readChatStream(sse([role, ...first])).stop).toBe("tool_use");
    expect(readChatStream(sse([role, ...first], "")).error?.code).toBe("cut_off");
  });

  test("calls without an index, or all numbered 0, stay two calls", () => {
    const whole = (id: string) => ({ id, function: { name: "f", arguments: "{}" } });
    const unnumbered = [role, chunk({ tool_calls: [whole("a"), whole("b")] }, "tool_calls")];
    expect(readChatStream(sse(unnumbered)).toolCalls.map(({ id }) => id)).toEqual(["a", "b"]);
    const zeros = [role, call(0, "a", "f"), call(0, "b", "f"), finish];
    expect(readChatStream(sse(zeros)).toolCalls.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  test("id and name repeated on every chunk are said once", () => {
    const again = (text: string) =>
      chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: text } }] });
    const stream = sse([role, again("{"), again("}"), finish]);
    expect(readChatStream(stream).toolCalls).toEqual([
      { id: "a", name: "f", arguments: "{}", isFreeform: false },
    ]);
  });

  const thought = (...deltas: object[]) =>
    readChatStream(sse([role, ...deltas.map((each) => chunk(each)), chunk({}, "stop")]));
  const detail = { type: "reasoning.text", text: "b", signature: "s" };

  test("thinking is read from reasoning_content, reasoning and content arrays", () => {
    const array = [{ type: "thinking", thinking: [{ type: "text", text: "c" }] }];
    const outcome = thought({ reasoning_content: "a" }, { reasoning: "b" }, { content: array });
    expect(outcome.thinking).toBe("abc");
    expect(thought({ content: [{ type: "text", text: "said" }] }).text).toBe("said");
  });

  test("reasoning_details repeat the thinking, or are all there is of it", () => {
    expect(thought({ reasoning: "b" }, { reasoning_details: [detail] })).toMatchObject({
      thinking: "b",
      opaque: ["s"],
    });
    expect(
      thought({ reasoning_details: [{ type: "reasoning.summary", summary: "c" }] }),
    ).toMatchObject({
      thinking: "c",
    });
  });

  test("errors are read from data, from an error line, and beside choices", () => {
    const code = (stream: string) => readChatStream(stream).error?.code;
    expect(code(sse([role, failure], ""))).toBe("server_error");
    expect(code(`${sse([role], "")}error: {"code":500,"message":"x"}\n\n`)).toBe("500");
    expect(code(sse([role, chunk({}, "length"), { ...hel, error: { code: 400 } }]))).toBe("400");
  });

  test("reasoning outside the completion and a cache outside the prompt are added", () => {
    const body = (usage: object) => readChatBody({ choices: [], usage }).usage;
    const outside = { completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 7 } };
    expect(body({ ...outside, prompt_tokens: 5, total_tokens: 15 })?.output).toBe(10);
    const exclusive = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };
    expect(body({ ...exclusive, prompt_tokens_details: { cached_tokens: 20 } })?.input).toBe(25);
  });
});
