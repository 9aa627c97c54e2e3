// Upstream streams as hosts really send them, legal or not, read into one strict sequence of events.

import { describe, expect, test } from "bun:test";
import { type JsonObject, ReplyAssembler, type ReplyEvent } from "#wire";
import { Losses } from "../losses.ts";
import { decodeReply } from "./reply-decoder.ts";
import { createStreamDecoder } from "./stream-decoder.ts";

const CREATED = { type: "response.created", response: { id: "resp_1", model: "gpt" } };

function run(...events: (JsonObject | string)[]) {
  const emitted: ReplyEvent[] = [];
  const assembler = new ReplyAssembler();
  const decoder = createStreamDecoder(
    (event) => {
      emitted.push(event);
      assembler.push(event);
    },
    { provider: "p", losses: new Losses() },
  );
  for (const event of events) {
    decoder.event("", typeof event === "string" ? event : JSON.stringify(event));
  }
  decoder.end();
  return { emitted, reply: assembler.reply, failure: assembler.failure };
}

function added(index: number, item: JsonObject): JsonObject {
  return { type: "response.output_item.added", output_index: index, item };
}

function done(index: number, item: JsonObject): JsonObject {
  return { type: "response.output_item.done", output_index: index, item };
}

function delta(type: string, index: number, text: string, more: JsonObject = {}): JsonObject {
  return { type: `response.${type}.delta`, output_index: index, delta: text, ...more };
}

function completed(output: JsonObject[], more: JsonObject = {}): JsonObject {
  return {
    type: "response.completed",
    response: { id: "resp_1", status: "completed", output, ...more },
  };
}

const message = (text: string, more: JsonObject = {}): JsonObject => ({
  type: "message",
  id: "msg_1",
  role: "assistant",
  content: [{ type: "output_text", text, annotations: [], ...more }],
});
const call = (id: string, args: string): JsonObject => ({
  type: "function_call",
  id: `fc_${id}`,
  call_id: id,
  name: "f",
  arguments: args,
});

describe("a whole and a streamed answer agree", () => {
  test("reasoning, text with sources, and a call", () => {
    const annotation = {
      type: "url_citation",
      url: "https://a",
      title: "A",
      start_index: 0,
      end_index: 2,
    };
    const reasoning = {
      type: "reasoning",
      id: "rs_1",
      summary: [
        { type: "summary_text", text: "one" },
        { type: "summary_text", text: "two" },
      ],
      encrypted_content: "blob",
    };
    const text = message("Hello", { annotations: [annotation] });
    const output = [reasoning, text, call("c1", '{"a":1}')];
    const usage = {
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens: 3,
      output_tokens_details: { reasoning_tokens: 1 },
      total_tokens: 13,
    };
    const { reply } = run(
      CREATED,
      added(0, { type: "reasoning", id: "rs_1", summary: [] }),
      delta("reasoning_summary_text", 0, "one", { summary_index: 0 }),
      delta("reasoning_summary_text", 0, "two", { summary_index: 1 }),
      done(0, reasoning),
      added(1, { type: "message", id: "msg_1", content: [] }),
      delta("output_text", 1, "Hel", { content_index: 0 }),
      delta("output_text", 1, "lo", { content_index: 0 }),
      {
        type: "response.output_text.annotation.added",
        output_index: 1,
        content_index: 0,
        annotation,
      },
      done(1, text),
      added(2, call("c1", "")),
      delta("function_call_arguments", 2, '{"a":1}'),
      done(2, call("c1", '{"a":1}')),
      completed(output, { usage }),
    );
    const whole = decodeReply(
      { id: "resp_1", model: "gpt", status: "completed", output, usage },
      { provider: "p", losses: new Losses() },
    );
    expect(reply).toEqual(whole);
    expect(whole).toMatchObject({
      stop: "tool_use",
      usage: { input: 6, cacheRead: 4, output: 3, reasoning: 1 },
      parts: [
        {
          kind: "thinking",
          text: "one\n\ntwo",
          carrier: { data: "blob", id: "rs_1", provider: "p" },
        },
        { kind: "text", text: "Hello", citations: [{ url: "https://a" }] },
        { kind: "toolCall", id: "c1" },
      ],
    });
  });

  test("reasoning without text is its state alone, or nothing", () => {
    const bare = { type: "reasoning", id: "rs_1", summary: [] };
    const sealed = { ...bare, encrypted_content: "blob" };
    expect(run(CREATED, done(0, sealed), completed([sealed])).reply?.parts).toMatchObject([
      { kind: "redacted", carrier: { data: "blob" } },
    ]);
    expect(run(CREATED, added(0, bare), done(0, bare), completed([bare])).reply?.parts).toEqual([]);
  });
});

describe("hosts that leave things out", () => {
  test("arguments only in the done event arrive", () => {
    const { reply } = run(
      CREATED,
      added(0, call("c1", "")),
      { type: "response.function_call_arguments.done", output_index: 0, arguments: '{"a":1}' },
      done(0, call("c1", '{"a":1}')),
      completed([call("c1", '{"a":1}')]),
    );
    expect(reply?.parts).toMatchObject([{ arguments: '{"a":1}' }]);
  });

  test("arguments only in output_item.done arrive, once", () => {
    const { reply } = run(CREATED, done(0, call("c1", '{"a":1}')), completed([]));
    expect(reply?.parts).toMatchObject([{ id: "c1", arguments: '{"a":1}' }]);
  });

  test("items never streamed are made up for from the final output", () => {
    const { reply } = run(
      CREATED,
      added(0, message("")),
      delta("output_text", 0, "seen"),
      completed([message("seen"), call("c1", "{}")]),
    );
    expect(reply?.parts.map((part) => part.kind)).toEqual(["text", "toolCall"]);
    expect(reply?.stop).toBe("tool_use");
  });

  test("an item id that changes with every event is corrected by output_index", () => {
    const { reply } = run(
      CREATED,
      added(0, { ...message(""), id: "a" }),
      delta("output_text", 0, "one ", { item_id: "b" }),
      delta("output_text", 0, "two", { item_id: "c" }),
      done(0, { ...message("one two"), id: "d" }),
      completed([{ ...message("one two"), id: "e" }]),
    );
    expect(reply?.parts).toEqual([{ kind: "text", text: "one two" }]);
  });

  test("content counted from 1 in the stream and from 0 at the end is not doubled", () => {
    const { reply } = run(
      CREATED,
      added(0, message("")),
      delta("output_text", 0, "hi", { content_index: 1 }),
      done(0, message("hi")),
      completed([message("hi")]),
    );
    expect(reply?.parts).toEqual([{ kind: "text", text: "hi" }]);
  });

  test("every item counted as 0 still stands for itself", () => {
    const second = { ...message("two"), id: "msg_2" };
    const { reply } = run(
      CREATED,
      added(0, message("")),
      done(0, message("one")),
      added(0, { ...second, content: [] }),
      done(0, second),
      completed([message("one"), second]),
    );
    expect(reply?.parts).toMatchObject([{ text: "one" }, { text: "two" }]);
  });

  test("deltas before output_item.added wait for the name", () => {
    const { reply } = run(
      CREATED,
      delta("function_call_arguments", 0, '{"a"'),
      delta("function_call_arguments", 0, ":1}"),
      done(0, call("c1", '{"a":1}')),
      completed([]),
    );
    expect(reply?.parts).toEqual([{ kind: "toolCall", id: "c1", name: "f", arguments: '{"a":1}' }]);
  });
});

test("interleaved items come out one after the other", () => {
  const { reply } = run(
    CREATED,
    added(0, call("c1", "")),
    added(1, call("c2", "")),
    delta("function_call_arguments", 1, '{"b":'),
    delta("function_call_arguments", 0, '{"a":1}'),
    done(0, call("c1", '{"a":1}')),
    delta("function_call_arguments", 1, "2}"),
    done(1, call("c2", '{"b":2}')),
    completed([]),
  );
  expect(reply?.parts).toMatchObject([
    { id: "c1", arguments: '{"a":1}' },
    { id: "c2", arguments: '{"b":2}' },
  ]);
});

test("a custom tool call keeps its raw text and its type", () => {
  const item = { type: "custom_tool_call", id: "ctc_1", call_id: "c", name: "patch", input: "" };
  const { reply } = run(
    CREATED,
    added(0, item),
    delta("custom_tool_call_input", 0, "*** Begin"),
    done(0, { ...item, input: "*** Begin" }),
    completed([]),
  );
  expect(reply?.parts).toMatchObject([{ isFreeform: true, arguments: "*** Begin" }]);
});

test("a server tool is a block of its own, never a call", () => {
  const item = { type: "web_search_call", id: "ws_1", status: "completed" };
  const progress = { type: "response.web_search_call.searching", output_index: 0 };
  const { reply } = run(CREATED, added(0, item), progress, done(0, item), completed([item]));
  expect(reply?.parts).toMatchObject([{ kind: "serverTool", type: "web_search_call", raw: item }]);
  expect(reply?.stop).toBe("end");
});

describe("endings", () => {
  test("a limit wins over an open call", () => {
    const incomplete_details = { reason: "max_output_tokens" };
    const { reply } = run(
      CREATED,
      added(0, call("c1", "")),
      delta("function_call_arguments", 0, "{"),
      {
        type: "response.incomplete",
        response: { status: "incomplete", incomplete_details, output: [] },
      },
    );
    expect(reply).toMatchObject({ stop: "max_tokens", parts: [{ arguments: "{" }] });
  });

  test("a refusal part is a refusal", () => {
    const { reply } = run(
      CREATED,
      added(0, message("")),
      delta("refusal", 0, "No."),
      completed([]),
    );
    expect(reply).toMatchObject({ stop: "refusal", parts: [{ kind: "refusal", text: "No." }] });
  });

  test.each<[string, JsonObject]>([
    ["flat", { type: "error", code: "server_is_overloaded", message: "busy", param: null }],
    ["nested", { type: "error", error: { code: "server_is_overloaded", message: "busy" } }],
    [
      "failed only",
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "server_is_overloaded", message: "busy" } },
      },
    ],
  ])("an error event is understood: %s", (_form, event) => {
    const later = { type: "response.failed", response: { error: { message: "other" } } };
    const { failure, emitted } = run(CREATED, event, later, completed([]));
    expect(failure).toMatchObject({ kind: "overloaded", message: "busy" });
    expect(emitted.at(-1)?.type).toBe("error");
  });

  test("a stream that just stops is an error, also after [DONE]", () => {
    const { failure, reply } = run(
      CREATED,
      added(0, message("")),
      delta("output_text", 0, "x"),
      "[DONE]",
    );
    expect(failure?.kind).toBe("bad_gateway");
    expect(reply).toBeUndefined();
  });

  test.each(["{", "7", "null"])("an event that is no object is an error: %s", (data) => {
    expect(run(CREATED, data).failure?.kind).toBe("bad_gateway");
  });

  test("an unknown reason to stop is an error, not a stop", () => {
    const response = { status: "incomplete", incomplete_details: { reason: "mood" }, output: [] };
    expect(run(CREATED, { type: "response.incomplete", response }).failure?.message).toContain(
      "mood",
    );
  });
});
