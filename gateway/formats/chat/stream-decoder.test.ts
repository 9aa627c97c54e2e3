// What the stream decoder makes of hosts that bend the dialect. Every stream here is written by hand;
// it refuses to accept an event order that the assembler does not.

import { describe, expect, test } from "bun:test";
import { type Json, type JsonObject, type Reply, ReplyAssembler, type ReplyEvent } from "#wire";
import type { Quirks } from "../format.ts";
import { Losses } from "../losses.ts";
import { decodeReply } from "./reply.ts";
import { ChatStreamDecoder } from "./stream-decoder.ts";

const DONE = "[DONE]";

function run(
  chunks: readonly (Json | string)[],
  { isCut = false, quirks = {} }: { isCut?: boolean; quirks?: Quirks } = {},
) {
  const events: ReplyEvent[] = [];
  const assembler = new ReplyAssembler();
  const losses = new Losses();
  const decoder = new ChatStreamDecoder(
    (event) => {
      events.push(event);
      assembler.push(event);
    },
    { provider: "host", quirks, losses },
  );
  for (const chunk of chunks) {
    decoder.event("", typeof chunk === "string" ? chunk : JSON.stringify(chunk));
  }
  if (!isCut) decoder.event("", DONE);
  decoder.end();
  return { events, assembler, losses };
}

function delta(fields: JsonObject, finish: string | null = null): Json {
  return { id: "c1", model: "m", choices: [{ index: 0, delta: fields, finish_reason: finish }] };
}

function replyOf(chunks: readonly (Json | string)[]): Reply {
  const { assembler } = run(chunks);
  if (!assembler.reply) throw new Error(assembler.failure?.message ?? "no reply");
  return assembler.reply;
}

function call(fields: JsonObject): Json {
  return delta({ tool_calls: [fields] });
}

describe("ends", () => {
  test("a finish_reason waits for the usage that follows it", () => {
    const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
    const reply = replyOf([delta({ content: "hi" }), delta({}, "stop"), { choices: [], usage }]);
    expect(reply.usage).toEqual({ input: 5, cacheRead: 0, cacheWrite: 0, output: 2 });
    expect(reply.stop).toBe("end");
  });

  test("usage on every chunk does not end the stream early, and the last one counts", () => {
    const chunk = (content: string, output: number): Json => ({
      choices: [{ index: 0, delta: { content }, finish_reason: null }],
      usage: { prompt_tokens: 3, completion_tokens: output },
    });
    const reply = replyOf([chunk("a", 1), chunk("b", 2), delta({}, "stop")]);
    expect(reply.parts).toEqual([{ kind: "text", text: "ab" }]);
    expect(reply.usage?.output).toBe(2);
  });

  test("two finish chunks give one finish", () => {
    const { events } = run([delta({ content: "x" }, "stop"), delta({ content: "" }, "stop")]);
    expect(events.filter((event) => event.type === "finish")).toHaveLength(1);
  });

  test("a host without [DONE] ends well after its finish_reason", () => {
    const { assembler } = run([delta({ content: "x" }, "stop")], { isCut: true });
    expect(assembler.reply?.stop).toBe("end");
  });

  test("bytes that end with neither are an error, never a success", () => {
    const { assembler } = run([delta({ content: "x" })], { isCut: true });
    expect(assembler.reply).toBeUndefined();
    expect(assembler.failure?.kind).toBe("bad_gateway");
  });

  test("[DONE] without finish_reason is tool_use when there are calls, else end", () => {
    const tool = call({ index: 0, id: "t", function: { name: "f", arguments: "{}" } });
    expect(replyOf([tool]).stop).toBe("tool_use");
    expect(replyOf([delta({ content: "x" })]).stop).toBe("end");
  });

  test("truncation wins over an open tool call", () => {
    const cut = call({ index: 0, id: "t", function: { name: "f", arguments: '{"a' } });
    expect(replyOf([cut, delta({}, "length")]).stop).toBe("max_tokens");
  });

  test("stop with calls is tool_use, function_call too", () => {
    const tool = call({ index: 0, id: "t", function: { name: "f", arguments: "{}" } });
    expect(replyOf([tool, delta({}, "stop")]).stop).toBe("tool_use");
    const legacy = delta({ function_call: { name: "f", arguments: '{"a":1}' } });
    const reply = replyOf([legacy, delta({}, "function_call")]);
    expect(reply.stop).toBe("tool_use");
    expect(reply.parts).toMatchObject([{ kind: "toolCall", name: "f", arguments: '{"a":1}' }]);
  });

  test("content_filter is never a plain end, and an unknown word is an error", () => {
    expect(replyOf([delta({ content: "x" }, "content_filter")]).stop).toBe("content_filter");
    expect(run([delta({ content: "x" }, "banana")]).assembler.failure?.message).toContain("banana");
  });

  test("nothing after the end is heard", () => {
    const { events } = run([delta({ content: "x" }, "stop"), DONE, delta({ content: "late" })]);
    expect(events.at(-1)?.type).toBe("finish");
  });
});

describe("failures", () => {
  test("an error chunk after a finish_reason wins (OpenRouter)", () => {
    const error: Json = { error: { code: 400, message: "Token limit" }, choices: [] };
    const { assembler } = run([delta({ content: "x" }, "length"), error]);
    expect(assembler.failure).toMatchObject({ kind: "bad_request", message: "Token limit" });
  });

  test("an event named error is a failure, JSON or not (Groq)", () => {
    for (const data of ['{"error":{"message":"no tool","status_code":400}}', "boom"]) {
      const events: ReplyEvent[] = [];
      const context = { provider: "groq", losses: new Losses() };
      const decoder = new ChatStreamDecoder((event) => events.push(event), context);
      decoder.event("error", data);
      decoder.end();
      expect(events.map((event) => event.type)).toEqual(["error"]);
    }
  });

  test("a line `error: {…}` is a failure (llama.cpp)", () => {
    const events: ReplyEvent[] = [];
    const context = { provider: "llama", losses: new Losses() };
    const decoder = new ChatStreamDecoder((event) => events.push(event), context);
    decoder.line("error", '{"code":500,"message":"slot failed","type":"server_error"}');
    expect(events).toEqual([
      { type: "error", failure: { kind: "internal", message: "slot failed" } },
    ]);
  });

  test("malformed JSON is an error, not a crash", () => {
    expect(run(["{oops"]).assembler.failure?.kind).toBe("bad_gateway");
    expect(run(["[1]"]).assembler.failure?.kind).toBe("bad_gateway");
  });

  test("nonsense inside chunks is survived", () => {
    const odd: Json[] = [
      { choices: "x" },
      { choices: [null, 3] },
      { choices: [{ delta: { tool_calls: [null, 7], content: 4, reasoning_details: "x" } }] },
    ];
    expect(replyOf([...odd, delta({ content: "ok" }, "stop")]).parts).toHaveLength(1);
  });
});

describe("tool calls", () => {
  test("interleaved deltas come out call by call", () => {
    const { parts } = replyOf([
      call({ index: 0, id: "a", function: { name: "f", arguments: '{"x":' } }),
      call({ index: 1, id: "b", function: { name: "g", arguments: '{"y":' } }),
      call({ index: 0, function: { arguments: "1}" } }),
      call({ index: 1, function: { arguments: "2}" } }),
      delta({}, "tool_calls"),
    ]);
    expect(parts).toEqual([
      { kind: "toolCall", id: "a", name: "f", arguments: '{"x":1}' },
      { kind: "toolCall", id: "b", name: "g", arguments: '{"y":2}' },
    ]);
  });

  test("arguments pass as they arrive, and the second call opens when the first is whole", () => {
    const { events } = run(
      [
        call({ index: 0, id: "a", function: { name: "f", arguments: "" } }),
        call({ index: 0, function: { arguments: "{}" } }),
        call({ index: 1, id: "b", function: { name: "g", arguments: '{"z"' } }),
      ],
      { isCut: true },
    );
    const seen = events.map((event) => (event.type === "delta" ? event.text : event.type));
    expect(seen).toEqual(["start", "open", "{}", "close", "open", '{"z"', "error"]);
  });

  test("calls without index are told apart by id (Mistral)", () => {
    const { parts } = replyOf([
      delta({
        tool_calls: [
          { id: "a", function: { name: "f", arguments: '{"x":1}' } },
          { id: "b", function: { name: "f", arguments: '{"x":2}' } },
        ],
      }),
      delta({}, "tool_calls"),
    ]);
    expect(parts).toHaveLength(2);
  });

  test("two calls that share index 0 stay two calls", () => {
    const { parts } = replyOf([
      call({ index: 0, id: "a", function: { name: "f", arguments: "{}" } }),
      call({ index: 0, id: "b", function: { name: "g", arguments: "{}" } }),
    ]);
    expect(parts).toMatchObject([{ id: "a" }, { id: "b" }]);
  });

  test("id and name on every chunk do not multiply", () => {
    const piece = (text: string): Json =>
      call({ index: 0, id: "a", function: { name: "f", arguments: text } });
    expect(replyOf([piece('{"q"'), piece(":1}")]).parts).toEqual([
      { kind: "toolCall", id: "a", name: "f", arguments: '{"q":1}' },
    ]);
  });

  test("a missing id is made up, once, and a missing name is an error", () => {
    const [part] = replyOf([call({ index: 0, function: { name: "f", arguments: "{}" } })]).parts;
    expect(part).toMatchObject({ kind: "toolCall", id: expect.stringMatching(/^call_\w+$/) });
    const nameless = call({ index: 0, id: "x", function: { arguments: "{}" } });
    expect(run([nameless]).assembler.failure?.message).toContain("without a name");
  });

  test("text that cuts into an unfinished call follows the calls", () => {
    const { parts } = replyOf([
      call({ index: 0, id: "a", function: { name: "f", arguments: '{"x":' } }),
      delta({ content: "note" }),
      call({ index: 0, function: { arguments: "1}" } }),
    ]);
    expect(parts).toEqual([
      { kind: "toolCall", id: "a", name: "f", arguments: '{"x":1}' },
      { kind: "text", text: "note" },
    ]);
  });
});

describe("reasoning", () => {
  test("text follows reasoning in its own block, with its first delta", () => {
    const { parts } = replyOf([
      delta({ role: "assistant", content: "", reasoning_content: "hm" }),
      delta({ content: "A" }),
      delta({ content: "B" }),
    ]);
    expect(parts).toEqual([
      { kind: "thinking", text: "hm", isRaw: true },
      { kind: "text", text: "AB" },
    ]);
  });

  test("signed details travel as one carrier, their pieces joined", () => {
    const detail = (text: string, signature: string): Json =>
      delta({
        reasoning: text,
        reasoning_details: [{ type: "reasoning.text", text, signature, index: 0 }],
      });
    const { parts } = replyOf([
      detail("a", ""),
      detail("b", ""),
      detail("", "SIG"),
      delta({ content: "x" }),
    ]);
    const data = '[{"type":"reasoning.text","text":"ab","signature":"SIG","index":0}]';
    expect(parts[0]).toEqual({
      kind: "thinking",
      text: "ab",
      isRaw: true,
      carrier: { format: "chat", kind: "details", data, provider: "host" },
    });
  });

  test("encrypted details without text are a redacted part before what follows", () => {
    const secret: Json = { type: "reasoning.encrypted", data: "zz", index: 0 };
    const tool: Json = { index: 0, id: "a", function: { name: "f", arguments: "{}" } };
    const { parts } = replyOf([delta({ reasoning_details: [secret] }), call(tool)]);
    expect(parts.map((part) => part.kind)).toEqual(["redacted", "toolCall"]);
  });

  test("Mistral's thinking arrays are reasoning, not text", () => {
    const thinking: Json = [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }];
    const { parts } = replyOf([delta({ content: thinking }), delta({ content: "yes" })]);
    expect(parts.map((part) => part.kind)).toEqual(["thinking", "text"]);
  });
});

describe("the rest", () => {
  test("an empty first chunk gives no start, so id and model are the real ones (Azure)", () => {
    const { events } = run([{ id: "", model: "", choices: [] }, delta({ content: "x" }, "stop")]);
    expect(events[0]).toEqual({ type: "start", id: "c1", model: "m" });
  });

  test("annotations before the text wait for it", () => {
    const source = { url: "https://a.test", title: "A", start_index: 0, end_index: 0 };
    const annotations: Json = [{ type: "url_citation", url_citation: source }];
    const [part] = replyOf([delta({ content: "", annotations }), delta({ content: "see" })]).parts;
    expect(part).toMatchObject({
      kind: "text",
      text: "see",
      citations: [{ url: "https://a.test" }],
    });
  });

  test("a refusal is its own part and its own stop", () => {
    const reply = replyOf([
      delta({ refusal: "I can" }),
      delta({ refusal: "not" }),
      delta({}, "stop"),
    ]);
    expect(reply.parts).toEqual([{ kind: "refusal", text: "I cannot" }]);
    expect(reply.stop).toBe("refusal");
  });

  test("other choices and repeated whole messages are not mixed in", () => {
    const { parts } = replyOf([
      { choices: [{ index: 0, delta: { content: "a" }, message: { content: "a" } }] },
      { choices: [{ index: 1, delta: { content: "other" } }] },
    ]);
    expect(parts).toEqual([{ kind: "text", text: "a" }]);
  });

  test("streamed and whole replies spell the same conversation", () => {
    const toolCall = { id: "a", type: "function", function: { name: "f", arguments: '{"n":1}' } };
    const message: JsonObject = {
      role: "assistant",
      reasoning_content: "hm",
      content: "ok",
      tool_calls: [toolCall],
    };
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    const whole: Json = {
      id: "c1",
      model: "m",
      choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      usage,
    };
    const streamed = replyOf([
      delta({ role: "assistant", content: "" }),
      delta({ reasoning_content: "h" }),
      delta({ reasoning_content: "m" }),
      delta({ content: "ok" }),
      call({ index: 0, id: "a", function: toolCall.function }),
      delta({}, "tool_calls"),
      { choices: [], usage },
    ]);
    expect(streamed).toEqual(decodeReply(whole, { provider: "host", losses: new Losses() }));
  });
});

describe("think tags", () => {
  const quirks = { hasThinkTags: true };
  const content = (text: string) => delta({ content: text });
  const partsOf = (chunks: readonly Json[], known: Quirks = quirks) =>
    run([...chunks, delta({}, "stop")], { quirks: known }).assembler.reply?.parts;

  test("of a host that is known for them hold reasoning, wherever they are cut", () => {
    expect(partsOf(["<th", "ink>", "h", "m</thi", "nk>\n", "\nYes"].map(content))).toEqual([
      { kind: "thinking", text: "hm", isRaw: true },
      { kind: "text", text: "Yes" },
    ]);
  });

  test("of any other host are text, and so they are beside a field for reasoning", () => {
    const tagged = content("<think>a</think>b");
    expect(partsOf([tagged], {})).toEqual([{ kind: "text", text: "<think>a</think>b" }]);
    expect(partsOf([delta({ reasoning_content: "r" }), tagged])).toMatchObject([
      { kind: "thinking", text: "r" },
      { kind: "text", text: "<think>a</think>b" },
    ]);
  });

  test("that never close hold what there was, before the calls", () => {
    const called = call({ index: 0, id: "c", function: { name: "f", arguments: "{}" } });
    for (const [said, kind, text] of [
      ["<think>hm</th", "thinking", "hm</th"],
      ["<thi", "text", "<thi"],
    ] as const) {
      expect(partsOf([content(said), called])).toMatchObject([
        { kind, text },
        { kind: "toolCall", name: "f" },
      ]);
    }
  });

  test("a text that only begins like one is whole, also when nothing follows", () => {
    expect(partsOf([content("<thi")])).toEqual([{ kind: "text", text: "<thi" }]);
  });

  test("no event is taken for a plain delta before the answer has begun", () => {
    const decoder = new ChatStreamDecoder(() => {}, {
      provider: "h",
      quirks,
      losses: new Losses(),
    });
    const plain = ["<think>", "a", "</think>", "b"].map((text) => {
      const data = JSON.stringify(content(text));
      decoder.event("", data);
      return decoder.isPlainDelta(data);
    });
    expect(plain).toEqual([false, false, false, true]);
  });
});
