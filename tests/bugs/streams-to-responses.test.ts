// Bugs of other gateways, as facts about ours: streams that end at a Responses client, or come from such an
// upstream. tests/README.md lists them by number.

import { describe, expect, test } from "bun:test";
import { fields, fieldsList } from "../grammar/findings.ts";
import { type Dialect, gatewayBetween } from "./gateway-between.ts";
import {
  block,
  callItem,
  chatStream,
  chunk,
  itemEvent,
  messagesStream,
  messageStart,
  named,
  responsesStream,
  said,
  textItem,
  toolDelta,
  unnamed,
  used,
} from "./upstream-streams.ts";

const { exchange } = gatewayBetween();

const answers = {
  messages: messagesStream(
    "tool_use",
    block(
      0,
      { type: "thinking", thinking: "", signature: "" },
      { type: "thinking_delta", thinking: "hm" },
      { type: "signature_delta", signature: "sig" },
    ),
    said(1, "Hi ", "there"),
    used(2, "toolu_1", "f", '{"a"', ":1}"),
  ),
  chat: chatStream(
    chunk({ reasoning_content: "hm" }),
    chunk({ content: "Hi " }),
    chunk({ content: "there" }),
    chunk({ tool_calls: [toolDelta(0, { id: "toolu_1", name: "f", args: '{"a"' })] }),
    chunk({ tool_calls: [toolDelta(0, { args: ":1}" })] }),
    chunk({}, "tool_calls"),
  ),
};

test.each(Object.entries(answers))(
  "every item of an answer from %s is announced, closed, and in the completed response",
  async (upstream, answer) => {
    const got = await exchange("responses", upstream as Dialect, { answer });
    const announced = new Set<unknown>();
    const parts = new Set<string>();
    const done: unknown[] = [];
    for (const event of got.events) {
      const { type, output_index: index, content_index: part } = event;
      if (type === "response.output_item.added") announced.add(index);
      if (type === "response.content_part.added") parts.add(`${index}/${part}`);
      if (type === "response.output_item.done") done[Number(index)] = event["item"];
      if (!String(type).endsWith(".delta")) continue;
      expect(announced.has(index)).toBe(true);
      if (type === "response.output_text.delta") expect(parts.has(`${index}/${part}`)).toBe(true);
    }
    const last = got.events.at(-1);
    const response = fields(last?.["response"]);
    expect(last?.["type"]).toBe("response.completed");
    expect(response).toMatchObject({ object: "response", model: `${upstream}/m` });
    expect(String(response["id"])).toStartWith("resp_");
    expect(response["output"]).toEqual(done);
    expect(fieldsList(response["output"]).map(({ type }) => type)).toEqual([
      "reasoning",
      "message",
      "function_call",
    ]);
  },
);

describe("an upstream that gives arguments", () => {
  const [added = {}, , argumentsDone = {}, itemDone = {}] = callItem(0, "call_1", "f", '{"a":1}');
  const streams = {
    "in arguments.done only": [added, argumentsDone],
    "in output_item.done only": [added, itemDone],
    "in the item's end, which was never announced": [itemDone],
  };
  test.each(Object.entries(streams))("%s is understood", async (_, items) => {
    const answer = responsesStream(items);
    for (const client of ["messages", "chat"] as const) {
      const { outcome } = await exchange(client, "responses", { answer });
      expect(outcome.toolCalls).toMatchObject([{ id: "call_1", name: "f", arguments: '{"a":1}' }]);
      expect(outcome.stop).toBe("tool_use");
    }
    const same = await exchange("responses", "responses", { answer });
    expect(same.text).toBe(answer.replaceAll('"model":"m"', '"model":"responses/m"'));
  });

  test("in the completed response only is understood, whole and streamed", async () => {
    const output = [itemDone["item"]];
    const usage = { input_tokens: 3, output_tokens: 9, total_tokens: 12 };
    const body = {
      id: "resp_up",
      object: "response",
      model: "m",
      status: "completed",
      output,
      usage,
    };
    for (const client of ["messages", "chat"] as const) {
      for (const answer of [responsesStream([], { response: { output } }), body]) {
        const { outcome } = await exchange(client, "responses", { answer });
        expect(outcome.toolCalls).toMatchObject([{ name: "f", arguments: '{"a":1}' }]);
      }
    }
  });
});

test("an item whose id changes with every event is one item, told by its index", async () => {
  let made = 0;
  const rotating = [
    ...textItem(0, "Hi ", "there"),
    ...callItem(1, "call_1", "f", '{"a"', ":1}"),
  ].map((event) => {
    const item = fields(event["item"]);
    const id = `rotated_${(made += 1)}`;
    return { ...event, item_id: id, ...("item" in event && { item: { ...item, id } }) };
  });
  for (const client of ["messages", "chat"] as const) {
    const { outcome } = await exchange(client, "responses", { answer: responsesStream(rotating) });
    expect(outcome.text).toBe("Hi there");
    expect(outcome.toolCalls).toMatchObject([{ id: "call_1", arguments: '{"a":1}' }]);
  }
});

describe("a failure in mid-stream", () => {
  const error = { type: "overloaded_error", message: "too busy", code: "server_is_overloaded" };
  const failing = {
    messages: named(messageStart, ...said(0, "Hi"), { type: "error", error }),
    chat: unnamed(chunk({ content: "Hi" }), { error }),
  };
  test.each(Object.entries(failing))(
    "of %s is response.failed with its code and message, after an error of both shapes",
    async (upstream, answer) => {
      const got = await exchange("responses", upstream as Dialect, { answer });
      const [told, last] = got.events.slice(-2);
      expect(told).toMatchObject({ type: "error", message: "too busy" });
      expect(told?.["code"]).toBeString();
      expect(fields(told?.["error"])).toMatchObject({ message: "too busy", code: told?.["code"] });
      expect(last?.["type"]).toBe("response.failed");
      expect(fields(last?.["response"])).toMatchObject({
        status: "failed",
        error: { message: "too busy" },
      });
      expect(String(fields(fields(last?.["response"])["error"])["code"])).not.toBe("");
    },
  );

  const flat = { type: "error", code: "server_is_overloaded", message: "too busy", param: null };
  const shapes = {
    flat: [flat],
    nested: [{ type: "error", error }],
    "both shapes": [{ ...flat, error }],
    "response.failed alone": [],
  };
  test.each(Object.entries(shapes))(
    "of a Responses upstream is understood: %s",
    async (_, events) => {
      const response = { error: { code: "server_is_overloaded", message: "too busy" } };
      const end = { type: "response.failed", response };
      const answer = responsesStream([...textItem(0, "Hi"), ...events], end);
      for (const client of ["messages", "chat"] as const) {
        const { outcome } = await exchange(client, "responses", { answer });
        expect(outcome.text).toBe("Hi");
        expect(outcome.error?.message).toBe("too busy");
      }
    },
  );

  test("is told to a Messages and a Chat client in their own grammar, without an end", async () => {
    const chat = await exchange("chat", "messages", { answer: failing.messages });
    expect(chat.text).not.toContain("[DONE]");
    const item = itemEvent(0, "output_item.added", { item: { type: "message" } });
    const answer = responsesStream([item, { type: "error", error }]);
    const messages = await exchange("messages", "responses", { answer });
    expect(messages.text).not.toContain("message_stop");
  });
});
