// The Responses checker against streams written by hand: clean ones pass, and each defect that the
// official SDK lets through is found by its rule. The reader is tested on the habits of hosts.

import { describe, expect, test } from "bun:test";
import { checkResponsesBody, checkResponsesStream } from "./responses.ts";
import { readResponsesStream } from "./responses-outcome.ts";

type Event = { readonly type: string; readonly [key: string]: unknown };

const usage = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 4, cache_write_tokens: 1 },
  output_tokens: 6,
  output_tokens_details: { reasoning_tokens: 2 },
  total_tokens: 16,
};
const response = {
  id: "resp_1",
  object: "response",
  created_at: 5,
  completed_at: null,
  status: "in_progress",
  error: null,
  incomplete_details: null,
  previous_response_id: null,
  instructions: null,
  model: "m",
  output: [],
  tools: [{ type: "function", name: "look", description: null, parameters: null, strict: null }],
  tool_choice: "auto",
  truncation: "disabled",
  parallel_tool_calls: true,
  text: { format: { type: "text" } },
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  top_logprobs: 0,
  temperature: 1,
  reasoning: null,
  usage: null,
  max_output_tokens: null,
  max_tool_calls: null,
  store: false,
  background: false,
  service_tier: "default",
  metadata: {},
  safety_identifier: null,
  prompt_cache_key: null,
};

const sse = (events: readonly Event[]) =>
  events
    .map((event, index) => {
      const data = { ...event, sequence_number: event["sequence_number"] ?? index };
      return `event: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`;
    })
    .join("");

const created: Event = { type: "response.created", response };
const inProgress: Event = { type: "response.in_progress", response };
const added = (output_index: number, item: object): Event => ({
  type: "response.output_item.added",
  output_index,
  item,
});
const done = (output_index: number, item: object): Event => ({
  type: "response.output_item.done",
  output_index,
  item,
});
const of = (output_index: number, item_id: string) => ({ output_index, item_id });

const thought = { type: "summary_text", text: "hm" };
const rs = { id: "rs_1", type: "reasoning", summary: [thought], encrypted_content: "enc" };
const rsAt = { ...of(0, "rs_1"), summary_index: 0 };
const reasoning: Event[] = [
  added(0, { id: "rs_1", type: "reasoning", summary: [] }),
  { type: "response.reasoning_summary_part.added", ...rsAt, part: { ...thought, text: "" } },
  { type: "response.reasoning_summary_text.delta", ...rsAt, delta: "hm" },
  { type: "response.reasoning_summary_text.done", ...rsAt, text: "hm" },
  { type: "response.reasoning_summary_part.done", ...rsAt, part: thought },
  done(0, rs),
];
const said = { type: "output_text", text: "Hello", annotations: [], logprobs: [] };
const msgEmpty = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "in_progress",
  content: [],
};
const msg = { ...msgEmpty, status: "completed", content: [said] };
const msgAt = { ...of(1, "msg_1"), content_index: 0 };
const message: Event[] = [
  added(1, msgEmpty),
  { type: "response.content_part.added", ...msgAt, part: { ...said, text: "" } },
  { type: "response.output_text.delta", ...msgAt, delta: "Hel", logprobs: [] },
  { type: "response.output_text.delta", ...msgAt, delta: "lo", logprobs: [] },
  { type: "response.output_text.done", ...msgAt, text: "Hello", logprobs: [] },
  { type: "response.content_part.done", ...msgAt, part: said },
  done(1, msg),
];
const fcEmpty = {
  id: "fc_1",
  type: "function_call",
  call_id: "call_1",
  name: "look",
  arguments: "",
  status: "in_progress",
};
const fc = { ...fcEmpty, arguments: '{"a":1}', status: "completed" };
const fcAt = of(2, "fc_1");
const call: Event[] = [
  added(2, fcEmpty),
  { type: "response.function_call_arguments.delta", ...fcAt, delta: '{"a"' },
  { type: "response.function_call_arguments.delta", ...fcAt, delta: ":1}" },
  { type: "response.function_call_arguments.done", ...fcAt, arguments: '{"a":1}' },
  done(2, fc),
];
const whole = { ...response, status: "completed", completed_at: 6, output: [rs, msg, fc], usage };
const completed: Event = { type: "response.completed", response: whole };
const good = [created, inProgress, ...reasoning, ...message, ...call, completed];

const nested = { type: "server_error", code: "busy", message: "busy", param: null };
const error: Event = { type: "error", code: "busy", message: "busy", param: null, error: nested };
const failedWith = (output: object[]): Event => ({
  type: "response.failed",
  response: { ...response, status: "failed", error: { code: "busy", message: "busy" }, output },
});
const failed = failedWith([]);

const without = (event: Event | undefined) => good.filter((each) => each !== event);
const swapped = (event: Event | undefined, ...others: Event[]) =>
  good.flatMap((each) => (each === event ? others : [each]));
const rules = (stream: string) =>
  checkResponsesStream(stream, { model: "m", includeUsage: true }).map(({ rule }) => rule);

describe("responses grammar", () => {
  test("a clean stream has no violation", () => {
    expect(checkResponsesStream(sse(good), { model: "m" })).toEqual([]);
  });

  test("a failure is told twice, open item or not", () => {
    expect(rules(sse([created, inProgress, error, failed]))).toEqual([]);
    expect(rules(sse([created, inProgress, ...reasoning.slice(0, 3), error, failed]))).toEqual([]);
    const late = [created, inProgress, ...reasoning, error, failedWith([rs])];
    expect(rules(sse(late))).toEqual([]);
  });

  const defects: Record<string, [stream: string, rule: string]> = {
    "cut before the terminal event": [sse(good.slice(0, -1)), "terminal"],
    "delta before output_item.added": [sse(without(message[0])), "no-item"],
    "first event is not response.created": [sse(good.slice(1)), "opening"],
    "no response.in_progress": [sse(without(inProgress)), "opening"],
    "an item never done": [sse(without(call[4])), "unclosed"],
    "items overlap": [sse(without(message[6])), "overlap"],
    "sequence gap": [
      sse(swapped(call[1], { ...call[1], type: "x", sequence_number: 99 })),
      "sequence",
    ],
    "output_index gap": [
      sse(good).replaceAll('"output_index":2', '"output_index":3'),
      "output-index",
    ],
    "item_id changes in mid-item": [
      sse(
        swapped(message[3], {
          ...message[3],
          type: "response.output_text.delta",
          item_id: "msg_2",
        }),
      ),
      "item-id",
    ],
    "no content_part.added": [sse(without(message[1])), "no-part"],
    "no content_part.done": [sse(without(message[5])), "unclosed"],
    "no output_text.done": [sse(without(message[4])), "order"],
    "delta lost": [sse(without(message[3])), "done-text"],
    "arguments lost": [sse(without(call[2])), "done-text"],
    "no arguments.done": [sse(without(call[3])), "order"],
    "arguments that are no JSON": [sse(good).replaceAll(String.raw`:1}`, ":"), "tool-json"],
    "summary text in a message": [
      sse(
        swapped(message[2], {
          type: "response.reasoning_summary_text.delta",
          ...msgAt,
          delta: "x",
        }),
      ),
      "delta-kind",
    ],
    "empty delta": [
      sse(swapped(message[2], { ...message[2], type: "response.output_text.delta", delta: "" })),
      "empty-delta",
    ],
    "output misses an item": [
      sse(swapped(completed, { ...completed, response: { ...whole, output: [rs, msg] } })),
      "output",
    ],
    "completed without usage": [
      sse(swapped(completed, { ...completed, response: { ...whole, usage: null } })),
      "missing-field",
    ],
    "a Response object without truncation": [
      sse(good).replace('"truncation":"disabled",', ""),
      "missing-field",
    ],
    "echoed tool without strict": [sse(good).replace(',"strict":null', ""), "missing-field"],
    "id changes": [
      sse(swapped(completed, { ...completed, response: { ...whole, id: "resp_2" } })),
      "same-identity",
    ],
    "the upstream's model": [sse(good).replaceAll('"model":"m"', '"model":"up"'), "model"],
    "[DONE]": [`${sse(good)}data: [DONE]\n\n`, "json"],
    "event after the terminal": [sse([...good, completed]), "after-end"],
    "error without response.failed": [sse([created, inProgress, error]), "terminal"],
    "response.failed without error": [sse([created, inProgress, failed]), "error-ending"],
    "completed after an error": [sse([created, inProgress, error, completed]), "error-ending"],
    "error in flat form only": [
      sse([
        created,
        inProgress,
        { type: "error", code: "busy", message: "busy", param: null },
        failed,
      ]),
      "missing-field",
    ],
    "no event lines": [sse(good).replaceAll(/event: .*\n/g, ""), "event-line"],
    "message item without content": [
      sse([created, inProgress, added(0, msgEmpty), done(0, { ...msg, content: [] })]),
      "empty-message",
    ],
    "wrong id prefix": [sse(good).replaceAll("fc_1", "call_9"), "item-id"],
  };
  for (const [title, [stream, rule]] of Object.entries(defects)) {
    test(`finds: ${title}`, () => {
      expect(rules(stream)).toContain(rule);
    });
  }

  test("a whole response is held to the same fields", () => {
    expect(checkResponsesBody(whole, { model: "m" })).toEqual([]);
    const { store: _, ...bare } = whole;
    expect(checkResponsesBody(bare).map(({ what }) => what)).toEqual(["response.store"]);
  });
});

describe("responses reader", () => {
  test("a stream spells text, thinking, calls, stop and usage", () => {
    expect(readResponsesStream(sse(good))).toEqual({
      text: "Hello",
      refusal: "",
      thinking: "hm",
      toolCalls: [{ id: "call_1", name: "look", arguments: '{"a":1}', isFreeform: false }],
      opaque: ["enc"],
      stop: "tool_use",
      usage: { input: 10, cacheRead: 4, cacheWrite: 1, output: 6 },
    });
  });

  test("arguments that come only at the end are read", () => {
    const late = good.filter(({ type }) => type !== "response.function_call_arguments.delta");
    expect(readResponsesStream(sse(late)).toolCalls[0]?.arguments).toBe('{"a":1}');
    const later = late.filter(({ type }) => type !== "response.function_call_arguments.done");
    expect(readResponsesStream(sse(later)).toolCalls[0]?.arguments).toBe('{"a":1}');
  });

  test("flat and nested errors are both read", () => {
    const { error: _, ...flat } = error;
    expect(readResponsesStream(sse([created, flat as Event])).error?.code).toBe("busy");
    expect(readResponsesStream(sse([created, { type: "error", error: nested }])).error?.code).toBe(
      "busy",
    );
    expect(readResponsesStream(sse([created, failed])).error?.message).toBe("busy");
  });

  test("a cut stream is an error that keeps what had come", () => {
    const outcome = readResponsesStream(sse([created, inProgress, ...message.slice(0, 3)]));
    expect(outcome).toMatchObject({ text: "Hel", error: { code: "cut_off" } });
  });
});
