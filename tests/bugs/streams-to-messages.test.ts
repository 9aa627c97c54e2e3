// Bugs of other gateways, as facts about ours: streams that end at a client of Messages. tests/README.md
// lists them by number.

import { describe, expect, test } from "bun:test";
import { fields } from "../grammar/findings.ts";
import { blocksOf, gatewayBetween } from "./gateway-between.ts";
import {
  block,
  callItem,
  chatStream,
  chunk,
  itemEvent,
  messageEnd,
  messageStart,
  named,
  responsesStream,
  responsesUsage,
  textItem,
  toolDelta,
} from "./upstream-streams.ts";

const { exchange } = gatewayBetween();
const finish = (reason: string, more = {}) => chunk({}, reason, more);
const calls = (...deltas: ReturnType<typeof toolDelta>[]) => chunk({ tool_calls: deltas });
const USAGE = { usage: { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 } };

describe("reasoning", () => {
  test.each(["reasoning_content", "reasoning"])(
    "that comes first as %s is a thinking block, the text behind it a block of its own",
    async (field) => {
      const answer = chatStream(
        chunk({ role: "assistant", content: "" }),
        chunk({ [field]: "hm, " }),
        chunk({ [field]: "well" }),
        chunk({ content: "Hi" }),
        finish("stop", USAGE),
      );
      const got = await exchange("messages", "chat", { answer });
      expect(blocksOf(got)).toMatchObject([
        { type: "thinking", said: "hm, well" },
        { type: "text", said: "Hi", deltaTypes: ["text_delta"] },
      ]);
      expect(blocksOf(got)[0]?.deltaTypes).not.toContain("text_delta");
      expect(got.events.filter(({ name }) => name === "message_start")).toHaveLength(1);
    },
  );

  test("without any text is a message all the same, streamed and whole", async () => {
    const streamed = await exchange("messages", "chat", {
      answer: chatStream(chunk({ reasoning_content: "only this" }), finish("stop", USAGE)),
    });
    expect(blocksOf(streamed)).toMatchObject([{ type: "thinking", said: "only this" }]);
    expect(streamed.outcome).toMatchObject({ thinking: "only this", stop: "end" });
    const message = { role: "assistant", content: null, reasoning_content: "only this" };
    const whole = await exchange("messages", "chat", {
      answer: { choices: [{ index: 0, message, finish_reason: "stop" }], ...USAGE },
    });
    expect(whole.outcome).toMatchObject({ thinking: "only this", stop: "end" });
  });

  test("of a Responses upstream has its block before its first delta, announced or not", async () => {
    const item = { id: "rs_1", type: "reasoning", summary: [] };
    const added = itemEvent(0, "output_item.added", { item });
    const part = itemEvent(0, "reasoning_summary_part.added", {
      summary_index: 0,
      part: { type: "summary_text", text: "" },
    });
    const delta = itemEvent(0, "reasoning_summary_text.delta", { summary_index: 0, delta: "hm" });
    const done = itemEvent(0, "output_item.done", {
      item: { ...item, summary: [{ type: "summary_text", text: "hm" }] },
    });
    for (const before of [[added, part], [added], []]) {
      const got = await exchange("messages", "responses", {
        answer: responsesStream([...before, delta, done, ...textItem(1, "Hi")]),
      });
      expect(blocksOf(got)).toMatchObject([
        { type: "thinking", said: "hm" },
        { type: "text", said: "Hi" },
      ]);
    }
  });
});

describe("blocks", () => {
  test("of text, tool and text again keep every character, the first after each change too", async () => {
    const expected = [
      { type: "text", said: "before" },
      { type: "tool_use", said: '{"a":1}' },
      { type: "text", said: "after" },
    ];
    const chat = await exchange("messages", "chat", {
      answer: chatStream(
        chunk({ content: "be" }),
        chunk({ content: "fore" }),
        calls(toolDelta(0, { id: "call_1", name: "f", args: '{"a"' })),
        calls(toolDelta(0, { args: ":1}" })),
        chunk({ content: "af" }),
        chunk({ content: "ter" }),
        finish("tool_calls", USAGE),
      ),
    });
    expect(blocksOf(chat)).toMatchObject(expected);
    const responses = await exchange("messages", "responses", {
      answer: responsesStream([
        ...textItem(0, "be", "fore"),
        ...callItem(1, "call_1", "f", '{"a"', ":1}"),
        ...textItem(2, "af", "ter"),
      ]),
    });
    expect(blocksOf(responses)).toMatchObject(expected);
  });

  test("are each opened and closed once, so that a tool runs once, interleaved calls too", async () => {
    const got = await exchange("messages", "chat", {
      answer: chatStream(
        calls(toolDelta(0, { id: "call_1", name: "f" }), toolDelta(1, { id: "call_2", name: "g" })),
        calls(toolDelta(1, { args: '{"b"' })),
        calls(toolDelta(0, { args: '{"a"' })),
        calls(toolDelta(1, { args: ":2}" }), toolDelta(0, { args: ":1}" })),
        finish("tool_calls", USAGE),
      ),
    });
    expect(blocksOf(got).map(({ type, said, stops }) => [type, said, stops])).toEqual([
      ["tool_use", '{"a":1}', 1],
      ["tool_use", '{"b":2}', 1],
    ]);
    expect(got.outcome.toolCalls.map(({ id, name }) => [id, name])).toEqual([
      ["call_1", "f"],
      ["call_2", "g"],
    ]);
  });

  test("of text are never empty, neither before thinking nor before a tool", async () => {
    const call = toolDelta(0, { id: "call_1", name: "f", args: "{}" });
    const chat = await exchange("messages", "chat", {
      answer: chatStream(
        chunk({ role: "assistant", content: "" }),
        chunk({ content: "", reasoning_content: "hm" }),
        chunk({ content: "", tool_calls: [call] }),
        finish("tool_calls", USAGE),
      ),
    });
    expect(blocksOf(chat).map(({ type }) => type)).toEqual(["thinking", "tool_use"]);
    const responses = await exchange("messages", "responses", {
      answer: responsesStream([...textItem(0, ""), ...callItem(1, "call_1", "f", "{}")]),
    });
    expect(blocksOf(responses).map(({ type }) => type)).toEqual(["tool_use"]);
  });
});

describe("the end", () => {
  test("in the middle of a tool's arguments says that the limit was hit, not that a tool is called", async () => {
    const chat = await exchange("messages", "chat", {
      answer: chatStream(
        calls(toolDelta(0, { id: "call_1", name: "f", args: '{"a":' })),
        finish("length", USAGE),
      ),
    });
    expect(chat.outcome.stop).toBe("max_tokens");
    const [added, delta] = callItem(0, "call_1", "f", '{"a":');
    const responses = await exchange("messages", "responses", {
      answer: responsesStream([added ?? {}, delta ?? {}], {
        type: "response.incomplete",
        response: { incomplete_details: { reason: "max_output_tokens" } },
      }),
    });
    expect(responses.outcome.stop).toBe("max_tokens");
  });

  test("does not come early when every chunk reports usage", async () => {
    const usage = (completion_tokens: number) => ({
      usage: { prompt_tokens: 3, completion_tokens, total_tokens: 3 + completion_tokens },
    });
    const got = await exchange("messages", "chat", {
      answer: chatStream(
        chunk({ content: "one " }, null, usage(1)),
        chunk({ content: "two " }, null, usage(2)),
        chunk({ content: "three" }, null, usage(3)),
        finish("stop", usage(4)),
      ),
    });
    expect(got.outcome).toMatchObject({ text: "one two three", stop: "end", usage: { output: 4 } });
  });

  test("comes at [DONE] when the host gives no finish_reason, after tools as a call for them", async () => {
    const call = calls(toolDelta(0, { id: "call_1", name: "f", args: "{}" }));
    const got = await exchange("messages", "chat", { answer: chatStream(call) });
    expect(got.outcome).toMatchObject({ stop: "tool_use", toolCalls: [{ name: "f" }] });
    expect(got.events.at(-1)?.name).toBe("message_stop");
  });

  test("comes once when the host gives two finish_reasons, and no tool is called twice", async () => {
    const got = await exchange("messages", "chat", {
      answer: chatStream(
        calls(toolDelta(0, { id: "call_1", name: "f", args: "{}" })),
        finish("tool_calls"),
        finish("tool_calls", USAGE),
      ),
    });
    expect(got.events.filter(({ name }) => name === "message_delta")).toHaveLength(1);
    expect(blocksOf(got)).toHaveLength(1);
    expect(got.outcome).toMatchObject({ stop: "tool_use", usage: { input: 3, output: 9 } });
  });
});

describe("usage", () => {
  test("that an upstream does not report is estimated, marked, and never 0", async () => {
    const got = await exchange("messages", "chat", {
      answer: chatStream(chunk({ content: "some words to be counted" }), finish("stop")),
    });
    expect(got.text).toContain(": x-parley-usage: estimated");
    expect(got.outcome.usage?.input).toBeGreaterThan(0);
    expect(got.outcome.usage?.output).toBeGreaterThan(0);
    const whole = await exchange("messages", "chat", {
      answer: { choices: [{ index: 0, message: { content: "ok" }, finish_reason: "stop" }] },
    });
    expect(whole.response.headers.get("x-parley-usage")).toBe("estimated");
  });

  test("of the end has fresh and cached input apart, and their sum is what went in", async () => {
    const details = { cached_tokens: 60, cache_write_tokens: 10 };
    const chat = { prompt_tokens: 100, completion_tokens: 9, prompt_tokens_details: details };
    const streams = {
      chat: chatStream(chunk({ content: "Hi" }), finish("stop", { usage: chat })),
      responses: responsesStream(textItem(0, "Hi"), {
        response: {
          usage: { ...responsesUsage(100, 9), input_tokens_details: details },
        },
      }),
    };
    for (const [upstream, answer] of Object.entries(streams)) {
      const got = await exchange("messages", upstream as "chat", { answer });
      const last = got.events.find(({ name }) => name === "message_delta");
      expect(fields(last?.["usage"])).toMatchObject({
        input_tokens: 30,
        cache_read_input_tokens: 60,
        cache_creation_input_tokens: 10,
        output_tokens: 9,
      });
    }
  });

  test("that only message_start reports is kept by the same-format lane byte for byte", async () => {
    const answer = named(
      messageStart,
      ...block(0, { type: "text", text: "" }, { type: "text_delta", text: "Hi" }),
      ...messageEnd("end_turn"),
    );
    const got = await exchange("messages", "messages", { answer });
    expect(got.text).toBe(answer.replaceAll('"model":"m"', '"model":"messages/m"'));
  });
});
