// The tap on a same-format stream: what it learns must not depend on how the bytes were cut, and what it passes
// on must be the bytes it got.

import { describe, expect, test } from "bun:test";
import { registerSecret } from "#platform";
import { formats } from "../formats/index.ts";
import { StreamTap } from "./stream-tap.ts";

const streams = {
  chat: [
    'data: {"id":"1","model":"m-2026","choices":[{"delta":{"content":"é \\"model\\":\\"m\\""}}]}\n\n',
    'data: {"id":"1","model":"m-2026","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    'data: {"id":"1","model":"m-2026","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}\n\n',
    "data: [DONE]\n\n",
  ],
  messages: [
    'event: message_start\ndata: {"type":"message_start","message":{"model":"m-2026","usage":{"input_tokens":5,"output_tokens":1}}}\n\n',
    'event: ping\ndata: {"type": "ping"}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ],
  responses: [
    'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"model":"m-2026","usage":null}}\n\n',
    'event: response.completed\ndata: {"type":"response.completed","sequence_number":1,"response":{"model":"m-2026","usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}}\n\n',
  ],
} as const;

const utf8 = new TextEncoder();

function run(
  format: keyof typeof streams,
  text: string,
  size: number,
  alias?: { sent: string; asked: string },
) {
  const tap = new StreamTap(formats[format], alias && { alias });
  const bytes = utf8.encode(text);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) out.push(tap.push(bytes.subarray(at, at + size)));
  out.push(tap.flush());
  return { tap, text: Buffer.concat(out).toString("utf8") };
}

describe.each(["chat", "messages", "responses"] as const)("a %s stream", (format) => {
  const whole = streams[format].join("");
  const framings = { LF: whole, CRLF: whole.replaceAll("\n", "\r\n") };

  for (const [name, text] of Object.entries(framings)) {
    test(`with ${name} passes unchanged and is metered, in reads of any size`, () => {
      for (const size of [1, 2, 7, 37, text.length]) {
        const { tap, text: passed } = run(format, text, size);
        expect(passed).toBe(text);
        expect(tap.usage).toMatchObject({ input: 5, output: 7 });
        expect(tap.hasEnded).toBe(true);
        expect(tap.hasFailed).toBe(false);
        expect(tap.isAtBoundary).toBe(true);
      }
    });
  }

  test("shows its caller's name of the model, in reads of any size, and nothing else changes", () => {
    for (const size of [1, 7, whole.length]) {
      const { text } = run(format, whole, size, { sent: "m", asked: "lab/m" });
      expect(text).toBe(whole.replaceAll('"m-2026"', '"lab/m"'));
    }
  });

  test("that lacks its last event has not ended", () => {
    // A chat that has given its finish_reason has ended: [DONE] is a courtesy that some hosts omit.
    const events = format === "chat" ? 1 : streams[format].length - 1;
    const cut = streams[format].slice(0, events).join("");
    for (const size of [1, 11, cut.length]) expect(run(format, cut, size).tap.hasEnded).toBe(false);
  });

  test("is not at a boundary in the middle of an event", () => {
    const tap = new StreamTap(formats[format]);
    tap.push(utf8.encode(`${streams[format][0]}data: {"ha`));
    expect(tap.isAtBoundary).toBe(false);
    tap.push(utf8.encode('lf":1}\n'));
    expect(tap.isAtBoundary).toBe(false);
    tap.push(utf8.encode("\n"));
    expect(tap.isAtBoundary).toBe(true);
  });
});

test("failures told by the upstream are ends, and failures", () => {
  const failures = {
    chat: 'data: {"error":{"message":"x"}}\n\n',
    messages: 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n',
    responses: 'event: response.failed\ndata: {"type":"response.failed","sequence_number":4}\n\n',
  };
  for (const [format, text] of Object.entries(failures)) {
    const { tap } = run(format as keyof typeof streams, text, 5);
    expect([tap.hasEnded, tap.hasFailed]).toEqual([true, true]);
  }
});

describe("an end is an end, whatever surrounds it", () => {
  const finish = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
  test.each([
    ["a comment after it", "chat", "data: [DONE]\n\n: bye\n\n"],
    ["a ping after it", "messages", `${streams.messages[3]}event: ping\ndata: {"type":"ping"}\n\n`],
    [
      "data before its event line",
      "messages",
      'data: {"type":"message_stop"}\nevent: message_stop\n\n',
    ],
    [
      "a usage chunk with choices after it, and no [DONE]",
      "chat",
      `${finish}data: {"choices":[{"index":0,"delta":{},"finish_reason":null}],"usage":{"prompt_tokens":1}}\n\n`,
    ],
    [
      "a long chunk",
      "chat",
      finish.replace('"delta":{}', `"delta":{"content":"${"x".repeat(9_000)}"}`),
    ],
    ["no blank line behind it", "messages", 'data: {"type":"message_stop"}\n'],
    ["no line end behind it", "chat", "data: [DONE]"],
  ] as const)("%s", (_name, format, text) => {
    for (const size of [1, 3, text.length]) expect(run(format, text, size).tap.hasEnded).toBe(true);
  });
});

describe("what only looks like an end is none", () => {
  test.each([
    [
      "an ending cut in its middle",
      "responses",
      'data: {"type":"response.completed","response":{"output":[{"ty',
    ],
    [
      "a finish cut in its middle",
      "chat",
      'data: {"choices":[{"finish_reason":"length","delta":{"content":"Hel',
    ],
    [
      "an empty finish_reason",
      "chat",
      'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":""}]}\n\n',
    ],
    ["a chunk without choices", "chat", 'data: {"choices":[],"prompt_filter_results":[]}\n\n'],
    [
      "an error inside a tool's input",
      "messages",
      'data: {"type":"content_block_start","content_block":{"input":{"type":"error"}}}\n\n',
    ],
    [
      "an ending quoted in an item",
      "responses",
      'data: {"type":"response.output_item.done","item":{"x":{"type":"response.completed"}}}\n\n',
    ],
    ["[DONE] alone", "responses", "data: [DONE]\n\n"],
  ] as const)("%s", (_name, format, text) => {
    for (const size of [1, 3, text.length])
      expect(run(format, text, size).tap.hasEnded).toBe(false);
  });

  test("one of two answers that were asked for", () => {
    const tap = new StreamTap(formats.chat, { choices: 2 });
    const finish = (index: number) =>
      `data: {"choices":[{"index":${index},"delta":{},"finish_reason":"stop"}]}\n\n`;
    tap.push(utf8.encode(finish(0)));
    expect(tap.hasEnded).toBe(false);
    tap.push(utf8.encode(finish(1)));
    expect(tap.hasEnded).toBe(true);
  });
});

test("a credential that an upstream echoes is not passed on, wherever it is cut", () => {
  const secret = "plaincanary-0123456789";
  registerSecret(secret);
  const text = `data: {"choices":[{"delta":{"content":"${secret}"}}]}\n\ndata: {"error":{"message":"bad ${secret}"}}\n\n`;
  for (const size of [1, 5, 64, text.length]) {
    const tap = new StreamTap(formats.chat, { secret });
    const bytes = utf8.encode(text);
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size)
      out.push(tap.push(bytes.subarray(at, at + size)));
    out.push(tap.flush());
    expect(Buffer.concat(out).toString()).not.toContain("canary");
  }
});

test("the number of the last Responses event is known, for the error that may follow it", () => {
  expect(run("responses", streams.responses[0], 9).tap.lastSequence).toBe(0);
});

test.each(['"usage":{', '"usage": {', '"usage" : {'])(
  "usage that is spelled %s is read",
  (spelled) => {
    const nothing = 'data: {"choices":[],"usage":null}\n\ndata: {"choices":[],"usage" : null}\n\n';
    const counts = '"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}\n\n';
    const { tap } = run("chat", `${nothing}data: {"choices":[],${spelled}${counts}`, 1_000);
    expect(tap.usage).toMatchObject({ input: 5, output: 7 });
  },
);

test("another model's name stays, and ours behind it is still found, in reads of any size", () => {
  const other = 'data: {"model":"router/other","choices":[]}\n\n';
  const ours = 'data: {"model":"m-2026","choices":[]}\n\n';
  const text = other + other + ours + other + ours;
  for (const size of [1, 7, other.length, text.length]) {
    const { text: passed } = run("chat", text, size, { sent: "m", asked: "lab/m" });
    expect(passed).toBe(text.replaceAll('"m-2026"', '"lab/m"'));
  }
});
