// The chunks a Chat client sees, against the dialect's grammar. Refuses to check through an SDK,
// which would not notice half of the defects.

import { expect, test } from "bun:test";
import { type Json, type JsonObject, parseJson, type ReplyEvent } from "#wire";
import type { ReplyContext } from "../format.ts";
import { Losses } from "../losses.ts";
import { decodeRequest } from "./request-decoder.ts";
import { ChatStreamEncoder } from "./stream-encoder.ts";

function context(extra: JsonObject = {}): ReplyContext {
  const losses = new Losses();
  const body = { model: "m", messages: [{ role: "user", content: "x" }], stream: true, ...extra };
  const request = decodeRequest(body, { losses });
  const id = "a".repeat(24);
  return { model: "alias", id, createdSeconds: 7, newId: () => id, request, losses };
}

function encode(events: readonly ReplyEvent[], replyContext = context()): string {
  const encoder = new ChatStreamEncoder(replyContext);
  return events.map((event) => encoder.encode(event)).join("");
}

function chunks(sse: string): Json[] {
  const lines = sse.split("\n\n").filter((line) => line.startsWith("data: {"));
  return lines.map((line) => parseJson(line.slice(6)));
}

const usage = { input: 1, cacheRead: 2, cacheWrite: 3, output: 4 };
const finish = { type: "finish", stop: "end", usage } as const;

test("role first, text, one finish chunk with an empty delta, [DONE]", () => {
  const sse = encode([
    { type: "start" },
    { type: "open", kind: "text" },
    { type: "delta", text: 'a"\n' },
    { type: "close" },
    finish,
  ]);
  expect(chunks(sse)).toMatchObject([
    {
      id: `chatcmpl-${"a".repeat(24)}`,
      object: "chat.completion.chunk",
      created: 7,
      model: "alias",
    },
    { choices: [{ index: 0, delta: { content: 'a"\n' }, finish_reason: null }] },
    { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
  ]);
  expect(sse.endsWith("data: [DONE]\n\n")).toBeTrue();
  expect(sse).not.toContain("usage");
});

test("usage comes once, with empty choices, only when asked", () => {
  const asking = context({ stream_options: { include_usage: true } });
  const last = chunks(encode([{ type: "start" }, finish], asking)).at(-1);
  expect(last).toMatchObject({
    choices: [],
    usage: {
      prompt_tokens: 6,
      completion_tokens: 4,
      total_tokens: 10,
      prompt_tokens_details: { cached_tokens: 2, cache_write_tokens: 3 },
    },
  });
});

test("calls count from 0, name themselves once, and one without arguments gets {}", () => {
  const sse = encode([
    { type: "start" },
    { type: "open", kind: "toolCall", id: "t1", name: "f" },
    { type: "close" },
    { type: "block", part: { kind: "serverTool", format: "messages", type: "web", raw: {} } },
    { type: "open", kind: "toolCall", id: "t2", name: "g" },
    { type: "delta", text: '{"a":1}' },
    { type: "close" },
    { type: "finish", stop: "tool_use" },
  ]);
  const deltas = chunks(sse).map((chunk) => {
    const [choice] = (chunk as { choices: { delta: { tool_calls?: Json[] } }[] }).choices;
    return choice?.delta.tool_calls?.[0];
  });
  expect(deltas.slice(1, -1)).toEqual([
    { index: 0, id: "t1", type: "function", function: { name: "f", arguments: "" } },
    { index: 0, function: { arguments: "{}" } },
    { index: 1, id: "t2", type: "function", function: { name: "g", arguments: "" } },
    { index: 1, function: { arguments: '{"a":1}' } },
  ]);
  expect(sse).toContain('"finish_reason":"tool_calls"');
});

test("a failure has no finish_reason and no [DONE], before anything or in the middle", () => {
  const failure = { kind: "overloaded", message: "busy" } as const;
  for (const before of [[], [{ type: "start" }]] as ReplyEvent[][]) {
    const sse = encode([...before, { type: "error", failure }]);
    expect(chunks(sse).at(-1)).toEqual({
      error: { message: "busy", type: "server_error", param: null, code: "server_is_overloaded" },
    });
    expect(sse).not.toContain("[DONE]");
  }
});

test("a paused turn is a failure, never a stop", () => {
  const sse = encode([{ type: "start" }, { type: "finish", stop: "pause" }]);
  expect(sse).toContain('"error"');
  expect(sse).not.toContain("[DONE]");
});

test("foreign state rides in reasoning_details with the text it signs", () => {
  const carrier = { format: "messages", kind: "signature", data: "S" } as const;
  const sse = encode([
    { type: "start" },
    { type: "open", kind: "thinking" },
    { type: "delta", text: "hm" },
    { type: "close", carrier },
    finish,
  ]);
  expect(chunks(sse).slice(1, 3)).toMatchObject([
    { choices: [{ delta: { reasoning_content: "hm" } }] },
    {
      choices: [
        {
          delta: {
            reasoning_details: [
              { type: "reasoning.text", text: "hm", signature: expect.stringMatching(/^gw1\./) },
            ],
          },
        },
      ],
    },
  ]);
});

test("sources become annotations with offsets into the whole content", () => {
  const citation = {
    kind: "url",
    url: "https://a.test",
    title: "A",
    start: 1,
    end: 2,
    raw: {},
  } as const;
  const sse = encode([
    { type: "start" },
    { type: "open", kind: "text" },
    { type: "delta", text: "four" },
    { type: "close" },
    { type: "open", kind: "text" },
    { type: "delta", text: "abc" },
    { type: "citation", citation },
    { type: "close" },
    finish,
  ]);
  const source = { start_index: 5, end_index: 6, title: "A", url: "https://a.test" };
  expect(chunks(sse).at(-2)).toMatchObject({
    choices: [{ delta: { annotations: [{ type: "url_citation", url_citation: source }] } }],
  });
});

test("a caller of legacy functions gets function_call back", () => {
  const legacy = context({ functions: [{ name: "f" }] });
  const sse = encode(
    [
      { type: "start" },
      { type: "open", kind: "toolCall", id: "t", name: "f" },
      { type: "delta", text: "{}" },
      { type: "close" },
      { type: "finish", stop: "tool_use" },
    ],
    legacy,
  );
  expect(sse).toContain('"function_call":{"name":"f","arguments":""}');
  expect(sse).toContain('"finish_reason":"function_call"');
  expect(sse).not.toContain("tool_calls");
});

test("a freeform call streams its raw input", () => {
  const sse = encode([
    { type: "start" },
    { type: "open", kind: "toolCall", id: "t", name: "patch", isFreeform: true },
    { type: "delta", text: "*** Begin" },
    { type: "close" },
    { type: "finish", stop: "tool_use" },
  ]);
  expect(sse).toContain('"type":"custom","custom":{"name":"patch","input":""}');
  expect(sse).toContain('{"index":0,"custom":{"input":"*** Begin"}}');
});

test("a ping is an SSE comment", () => {
  expect(encode([{ type: "ping" }])).toBe(": ping\n\n");
});
