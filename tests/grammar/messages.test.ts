// The Messages checker against streams written by hand: clean ones pass, and each defect that the
// official SDK lets through is found by its rule.

import { describe, expect, test } from "bun:test";
import { checkMessagesBody, checkMessagesStream } from "./messages.ts";
import { readMessagesBody, readMessagesStream } from "./messages-outcome.ts";

type Event = { readonly type: string; readonly [key: string]: unknown };

const usage = {
  input_tokens: 7,
  output_tokens: 1,
  cache_creation_input_tokens: 2,
  cache_read_input_tokens: 3,
  output_tokens_details: null,
  server_tool_use: null,
};
const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [],
  container: null,
  stop_reason: null,
  stop_sequence: null,
  stop_details: null,
  usage: { ...usage, cache_creation: null, inference_geo: null, service_tier: null },
};

const sse = (events: readonly Event[]) =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
const opened = (index: number, content_block: object): Event => ({
  type: "content_block_start",
  index,
  content_block,
});
const more = (index: number, delta: object): Event => ({
  type: "content_block_delta",
  index,
  delta,
});
const closed = (index: number): Event => ({ type: "content_block_stop", index });
const ended = (stop_reason: string): Event => ({
  type: "message_delta",
  delta: { stop_reason, stop_sequence: null },
  usage: { ...usage, output_tokens: 9 },
});

const start: Event = { type: "message_start", message };
const stop: Event = { type: "message_stop" };
const thinking = [
  opened(0, { type: "thinking", thinking: "", signature: "" }),
  more(0, { type: "thinking_delta", thinking: "hm" }),
  more(0, { type: "signature_delta", signature: "sig" }),
  closed(0),
];
const said = [
  opened(1, { type: "text", text: "", citations: null }),
  more(1, { type: "text_delta", text: "Hel" }),
  more(1, { type: "text_delta", text: "lo" }),
  closed(1),
];
const tool = [
  opened(2, { type: "tool_use", id: "toolu_1", name: "look", input: {} }),
  more(2, { type: "input_json_delta", partial_json: '{"a"' }),
  more(2, { type: "input_json_delta", partial_json: ":1}" }),
  closed(2),
];
const good = [start, { type: "ping" }, ...thinking, ...said, ...tool, ended("tool_use"), stop];
const failure: Event = { type: "error", error: { type: "overloaded_error", message: "busy" } };

const without = (event: Event | undefined) => good.filter((each) => each !== event);
const swapped = (event: Event | undefined, ...others: Event[]) =>
  good.flatMap((each) => (each === event ? others : [each]));

const rules = (stream: string) =>
  checkMessagesStream(stream, { model: "m" }).map(({ rule }) => rule);

describe("messages grammar", () => {
  test("a clean stream has no violation", () => {
    expect(checkMessagesStream(sse(good), { model: "m" })).toEqual([]);
  });

  test("a failure after the start ends the stream cleanly, open block or not", () => {
    expect(rules(sse([start, failure]))).toEqual([]);
    expect(rules(sse([start, ...thinking.slice(0, 2), failure]))).toEqual([]);
  });

  const cut = [...thinking, ...said, ...tool.slice(0, 2), closed(2), ended("max_tokens"), stop];
  test("arguments cut by max_tokens need not be JSON", () => {
    expect(rules(sse([start, ...cut]))).toEqual([]);
  });

  const defects: Record<string, [stream: string, rule: string]> = {
    "no event lines": [sse(good).replaceAll(/event: .*\n/g, ""), "event-line"],
    "event line of another type": [
      sse(good).replace("event: ping", "event: message_stop"),
      "event-line",
    ],
    "cut before message_stop": [sse(without(stop)), "terminal"],
    "cut before message_delta": [sse(good.slice(0, -2)), "terminal"],
    "message_stop without message_delta": [sse(good.toSpliced(-2, 1)), "order"],
    "second message_start": [sse([start, ...good]), "one-start"],
    "block before message_start": [sse(without(start)), "start-first"],
    "delta for a block never started": [sse(without(said[0])), "no-block"],
    "thinking_delta in a text block": [
      sse(swapped(said[1], more(1, { type: "thinking_delta", thinking: "x" }))),
      "delta-kind",
    ],
    "text_delta in a thinking block": [
      sse(swapped(thinking[1], more(0, { type: "text_delta", text: "x" }))),
      "delta-kind",
    ],
    "index gap": [sse(good).replaceAll('"index":2', '"index":3'), "block-index"],
    "block never stopped": [sse(without(said[3])), "overlap"],
    "last block never stopped": [sse(without(tool[3])), "unclosed"],
    "doubled stop": [sse(swapped(said[3], closed(1), closed(1))), "no-block"],
    "unknown delta": [
      sse(swapped(said[1], more(1, { type: "words_delta", text: "x" }))),
      "delta-kind",
    ],
    "unknown event": [sse([start, { type: "message_pause" }, ...good.slice(1)]), "unknown-event"],
    "trailing [DONE]": [`${sse(good)}data: [DONE]\n\n`, "json"],
    "truncated tool JSON": [sse(without(tool[2])), "tool-json"],
    "tool JSON that is no object": [
      sse(good)
        .replace(String.raw`{\"a\"`, "[1")
        .replace(":1}", "]"),
      "tool-json",
    ],
    "two message_delta": [sse(swapped(stop, ended("tool_use"), stop)), "one-message-delta"],
    "stop_reason null": [
      sse(good).replace('"stop_reason":"tool_use"', '"stop_reason":null'),
      "stop-reason",
    ],
    "end_turn although a tool is called": [
      sse(good).replace('"tool_use","stop_s', '"end_turn","stop_s'),
      "stop-reason",
    ],
    "tool_use without a call": [sse([start, ...thinking, ended("tool_use"), stop]), "stop-reason"],
    "empty text block": [
      sse(without(said[1]).filter((each) => each !== said[2])),
      "empty-text-block",
    ],
    "text in content_block_start": [
      sse(swapped(said[0], opened(1, { type: "text", text: "x", citations: null }))),
      "start-empty",
    ],
    "thinking after the signature": [
      sse(swapped(thinking[2], thinking[2] as Event, thinking[1] as Event)),
      "signature-last",
    ],
    "usage without cache fields": [
      sse(good).replace('"cache_read_input_tokens":3', '"x":3'),
      "missing-field",
    ],
    "usage null": [sse(good).replaceAll('"input_tokens":7', '"input_tokens":null'), "wrong-type"],
    "another model": [sse(good).replace('"model":"m"', '"model":"upstream"'), "model"],
    "event after message_stop": [sse([...good, { type: "ping" }]), "after-end"],
    "message_stop after an error": [sse([start, failure, stop]), "after-end"],
    "error of an unknown type": [
      sse([start, { type: "error", error: { type: "oops", message: "x" } }]),
      "error-shape",
    ],
    "error after message_delta": [sse([start, ended("end_turn"), failure]), "order"],
    "illegal tool id": [sse(good).replace("toolu_1", "functions.look:0"), "tool-id"],
    "tool without a name": [sse(good).replace('"name":"look"', '"name":""'), "tool-name"],
    CRLF: [sse(good).replaceAll("\n", "\r\n"), "framing"],
    "no blank line at the end": [sse(good).slice(0, -1), "framing"],
    "no space after the colon": [sse(good).replace("data: ", "data:"), "framing"],
  };
  for (const [title, [stream, rule]] of Object.entries(defects)) {
    test(`finds: ${title}`, () => {
      expect(rules(stream)).toContain(rule);
    });
  }

  test("a whole reply without the fields the SDK types require is reported", () => {
    const whole = { ...message, stop_reason: "end_turn", usage: { input_tokens: 1 } };
    const missing = checkMessagesBody(whole).map(({ what }) => what);
    expect(missing).toContain("usage.output_tokens");
    expect(missing).toContain("usage.cache_read_input_tokens");
  });
});

describe("messages reader", () => {
  test("a stream spells text, thinking, calls, stop and usage", () => {
    expect(readMessagesStream(sse(good))).toEqual({
      text: "Hello",
      thinking: "hm",
      refusal: "",
      toolCalls: [{ id: "toolu_1", name: "look", arguments: '{"a":1}', isFreeform: false }],
      opaque: ["sig"],
      stop: "tool_use",
      usage: { input: 12, cacheRead: 3, cacheWrite: 2, output: 9 },
    });
  });

  test("a cut stream is an error that keeps what had come", () => {
    const outcome = readMessagesStream(sse(good.slice(0, 8)));
    expect(outcome.text).toBe("Hel");
    expect(outcome.error?.code).toBe("cut_off");
  });

  test("usage of several passes is their sum", () => {
    const iterations = [
      { input_tokens: 100, output_tokens: 5, cache_read_input_tokens: 10 },
      { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 0 },
    ];
    const body = { content: [], stop_reason: "end_turn", usage: { ...usage, iterations } };
    expect(readMessagesBody(body).usage).toEqual({
      input: 111,
      cacheRead: 10,
      cacheWrite: 0,
      output: 7,
    });
  });

  test("CRLF, a byte order mark and comments change nothing", () => {
    const odd = `\uFEFF: hello\r\nretry: 5\r\n\r\n${sse(good).replaceAll("\n", "\r\n").replaceAll("data: ", "data:")}`;
    expect(readMessagesStream(odd)).toEqual(readMessagesStream(sse(good)));
  });
});
