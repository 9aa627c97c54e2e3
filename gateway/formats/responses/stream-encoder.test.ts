// The stream that a Responses caller gets: exact grammar, and the same answer as when it is not streamed.

import { describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { ConversationRequest, ReplyEvent } from "#wire";
import { ReplyAssembler } from "#wire";
import type { ReplyContext } from "../format.ts";
import { Losses } from "../losses.ts";
import { encodeReply } from "./reply-encoder.ts";
import { createStreamEncoder, encodeStreamCut } from "./stream-encoder.ts";

const START: ReplyEvent = { type: "start", id: "up", model: "up" };
const END: ReplyEvent = { type: "finish", stop: "end" };

function context(request: ConversationRequest | null = null): ReplyContext {
  let made = 0;
  return {
    model: "alias",
    id: "r".repeat(24),
    createdSeconds: 7,
    newId: () => String(made++).padStart(24, "0"),
    request,
    losses: new Losses(),
  };
}

interface Sent {
  type: string;
  sequence_number: number;
  [field: string]: unknown;
}

function encode(events: readonly ReplyEvent[], to = context()): { sse: string; sent: Sent[] } {
  const encoder = createStreamEncoder(to);
  const sse = events.map((event) => encoder.encode(event)).join("");
  return { sse, sent: read(sse) };
}

function read(sse: string): Sent[] {
  const blocks = sse.split("\n\n").filter((block) => block.startsWith("event: "));
  return blocks.map((block) => {
    const [event = "", data = ""] = block.split("\n");
    const sent: Sent = JSON.parse(data.slice("data: ".length));
    expect(event).toBe(`event: ${sent.type}`);
    return sent;
  });
}

function text(...pieces: string[]): ReplyEvent[] {
  return [
    { type: "open", kind: "text" },
    ...pieces.map((piece): ReplyEvent => ({ type: "delta", text: piece })),
    { type: "close" },
  ];
}

const CALL: ReplyEvent = { type: "open", kind: "toolCall", id: "c1", name: "f" };
const CLOSE: ReplyEvent = { type: "close" };

test("a text has the vendor's sequence of events, numbered without gaps", () => {
  const { sent } = encode([START, ...text("Hel", "lo"), END]);
  expect(sent.map((event) => event.type)).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  expect(sent.map((event) => event.sequence_number)).toEqual(sent.map((_event, index) => index));
  expect(sent[4]).toMatchObject({ delta: "Hel", output_index: 0, content_index: 0, logprobs: [] });
});

test("a call and a custom call have their own events", () => {
  const { sent } = encode([
    START,
    CALL,
    { type: "delta", text: '{"a":' },
    { type: "delta", text: "1}" },
    CLOSE,
    { type: "open", kind: "toolCall", id: "c2", name: "patch", isFreeform: true },
    { type: "delta", text: "raw" },
    CLOSE,
    { type: "finish", stop: "tool_use" },
  ]);
  expect(sent.slice(2, -1).map((event) => event.type)).toEqual([
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.custom_tool_call_input.delta",
    "response.custom_tool_call_input.done",
    "response.output_item.done",
  ]);
  expect(sent.at(-1)?.["response"]).toMatchObject({
    output: [
      { type: "function_call", call_id: "c1", arguments: '{"a":1}', status: "completed" },
      { type: "custom_tool_call", call_id: "c2", input: "raw" },
    ],
  });
});

test("a call without deltas has the arguments {}, also for readers of deltas", () => {
  const { sent } = encode([START, CALL, CLOSE, END]);
  expect(sent.find((event) => event.type.endsWith("arguments.delta"))).toMatchObject({
    delta: "{}",
  });
  expect(sent.find((event) => event.type.endsWith("arguments.done"))).toMatchObject({
    arguments: "{}",
  });
});

test("texts that follow each other share a message; an empty one is not shown", () => {
  const { sent } = encode([START, ...text(), ...text("a"), ...text("b"), END]);
  const response = sent.at(-1)?.["response"];
  expect(response).toMatchObject({ output: [{ content: [{ text: "a" }, { text: "b" }] }] });
});

test("sources follow the text, before the part ends", () => {
  const { sent } = encode([
    START,
    { type: "open", kind: "text" },
    { type: "citation", citation: { kind: "url", url: "https://a", raw: {} } },
    { type: "delta", text: "Hello" },
    CLOSE,
    END,
  ]);
  const types = sent.map((event) => event.type);
  const at = types.indexOf("response.output_text.annotation.added");
  expect(types[at - 1]).toBe("response.output_text.done");
  expect(types[at + 1]).toBe("response.content_part.done");
  expect(sent[at]).toMatchObject({
    annotation_index: 0,
    annotation: { type: "url_citation", url: "https://a", title: "", start_index: 0, end_index: 5 },
  });
});

describe("reasoning", () => {
  const carrier = { format: "messages", kind: "signature", data: "sig" } as const;
  const thinking: ReplyEvent[] = [
    START,
    { type: "open", kind: "thinking" },
    { type: "delta", text: "hm" },
    { type: "close", carrier },
    END,
  ];

  test("foreign state rides in encrypted_content of callers that asked for it", () => {
    const { sent } = encode(thinking);
    const state: unknown = expect.stringMatching(/^gw1\./);
    expect(sent.at(-1)?.["response"]).toMatchObject({
      output: [{ summary: [{ type: "summary_text", text: "hm" }], encrypted_content: state }],
    });
  });

  test("a caller that did not ask gets the summary only", () => {
    const request = { wantsEncryptedReasoning: false } as ConversationRequest;
    expect(encode(thinking, context(request)).sse).not.toContain("encrypted_content");
  });

  test("state without text is an item; neither is nothing", () => {
    const open: ReplyEvent = { type: "open", kind: "thinking" };
    const { sent } = encode([START, open, { type: "close", carrier }, open, CLOSE, END]);
    const response = sent.at(-1)?.["response"];
    expect(response).toMatchObject({ output: [{ type: "reasoning", summary: [] }] });
  });

  test("the raw chain is reasoning_text", () => {
    const raw: ReplyEvent = { type: "open", kind: "thinking", isRaw: true };
    const { sent } = encode([START, raw, { type: "delta", text: "hm" }, CLOSE, END]);
    expect(sent.map((event) => event.type)).toContain("response.reasoning_text.delta");
    const content = [{ type: "reasoning_text", text: "hm" }];
    expect(sent.at(-1)?.["response"]).toMatchObject({ output: [{ summary: [], content }] });
  });
});

describe("endings", () => {
  test("a call cut by the limit ends as incomplete, not as a call to run", () => {
    const { sent } = encode([
      START,
      CALL,
      { type: "delta", text: '{"a' },
      CLOSE,
      { type: "finish", stop: "max_tokens" },
    ]);
    expect(sent.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: {
        status: "incomplete",
        incomplete_details: { reason: "max_output_tokens" },
        output: [{ status: "incomplete", arguments: '{"a' }],
      },
    });
  });

  test("a failure is told flat and nested, then as response.failed, without [DONE]", () => {
    const failure = { kind: "overloaded", message: "busy" } as const;
    const { sent, sse } = encode([{ type: "error", failure }, END]);
    expect(sent.map((event) => event.type)).toEqual([
      "response.created",
      "response.in_progress",
      "error",
      "response.failed",
    ]);
    expect(sent[2]).toMatchObject({
      code: "server_is_overloaded",
      message: "busy",
      error: { type: "server_error", code: "server_is_overloaded" },
    });
    expect(sent[3]?.["response"]).toMatchObject({
      status: "failed",
      error: { code: "server_is_overloaded", message: "busy" },
    });
    expect(sse).not.toContain("[DONE]");
  });

  test("a pause is a failure, never a completion", () => {
    const { sent } = encode([START, ...text("a"), { type: "finish", stop: "pause" }]);
    expect(sent.at(-1)).toMatchObject({
      type: "response.failed",
      response: { error: { code: "server_error" } },
    });
  });

  test("a cut stream is ended with the next numbers", () => {
    const failure = { kind: "bad_gateway", message: "cut" } as const;
    const sent = read(encodeStreamCut(failure, context(), { nextSequence: 9 }));
    expect(sent.map((event) => [event.type, event.sequence_number])).toEqual([
      ["error", 9],
      ["response.failed", 10],
    ]);
  });

  test("a server tool of another dialect shows nothing and is named", () => {
    const to = context();
    const part = {
      kind: "serverTool",
      format: "messages",
      type: "server_tool_use",
      raw: {},
    } as const;
    const { sent } = encode([START, { type: "block", part }, END], to);
    expect(sent).toHaveLength(3);
    expect(to.losses.toString()).toContain("reply.server_tool_use=");
  });

  test("a ping is a comment", () => {
    expect(createStreamEncoder(context()).encode({ type: "ping" })).toStartWith(":");
  });
});

const EVERYTHING: ReplyEvent[] = [
  START,
  { type: "open", kind: "thinking" },
  { type: "delta", text: "hm" },
  { type: "close", carrier: { format: "chat", kind: "details", data: "[]" } },
  ...text("Hello ", "“wörld”\n"),
  ...text("more"),
  CALL,
  { type: "delta", text: '{"a":9007199254740993}' },
  CLOSE,
  {
    type: "finish",
    stop: "tool_use",
    usage: { input: 6, cacheRead: 4, cacheWrite: 2, output: 3, reasoning: 1 },
  },
];

test("the streamed response is the one that encodeReply gives", () => {
  const assembler = new ReplyAssembler();
  for (const event of EVERYTHING) assembler.push(event);
  const { sent } = encode(EVERYTHING);
  const streamed: unknown = sent.at(-1)?.["response"];
  expect(assembler.reply && encodeReply(assembler.reply, context())).toEqual(
    streamed as ReturnType<typeof encodeReply>,
  );
  expect(streamed).toMatchObject({
    usage: {
      input_tokens: 12,
      input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
      total_tokens: 15,
    },
  });
});

test("the vendor's SDK assembles the same output", async () => {
  const { sse, sent } = encode(EVERYTHING);
  const headers = { "content-type": "text/event-stream" };
  const client = new OpenAI({ apiKey: "k", fetch: async () => new Response(sse, { headers }) });
  const final = await client.responses.stream({ model: "alias", input: "x" }).finalResponse();
  expect(final.output_text).toBe("Hello “wörld”\nmore");
  expect(final.output.map((item) => item.type)).toEqual(["reasoning", "message", "function_call"]);
  expect(sent.at(-1)?.["response"]).toMatchObject({ id: final.id });
});

test("every Response has every field that Open Responses requires", () => {
  const { sent } = encode([START, END]);
  const required = [
    "id object created_at completed_at status incomplete_details model previous_response_id",
    "instructions output error tools tool_choice truncation parallel_tool_calls text top_p",
    "presence_penalty frequency_penalty top_logprobs temperature reasoning usage",
    "max_output_tokens max_tool_calls store background service_tier metadata safety_identifier",
    "prompt_cache_key",
  ].flatMap((line) => line.split(" "));
  for (const event of [sent[0], sent.at(-1)]) {
    const response = event?.["response"] ?? {};
    expect(Object.keys(response)).toEqual(expect.arrayContaining(required));
    expect(response).toMatchObject({ model: "alias", id: `resp_${"r".repeat(24)}`, store: false });
  }
});
