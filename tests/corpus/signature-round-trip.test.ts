// A thought signature goes out to a client of each dialect, comes back in that client's next request, and reaches
// Gemini on the very part it came with, byte for byte; over two turns with tools.

import { describe, expect, test } from "bun:test";
import { ReplyAssembler, type CallerFormatId, type JsonObject } from "#wire";
import { formats, upstreamFormats } from "../../gateway/formats/index.ts";
import { Losses } from "../../gateway/formats/losses.ts";
import { plainRequest, replyContext } from "./contexts.ts";

const { generate } = upstreamFormats;
const FIRST = "CiQBcsjafA+/Zz09==";
const SECOND = "EtUBCtIBAQw51sfL+/==";
const OF_TEXT = "AY89a19ZkXSMGh/b==";

const model = (parts: JsonObject[]): JsonObject => ({
  candidates: [{ content: { role: "model", parts }, finishReason: "STOP" }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1 },
});
const replies = [
  model([
    { text: "I look.", thought: true },
    { functionCall: { name: "look", args: { at: 1 } }, thoughtSignature: FIRST },
    { functionCall: { name: "look", args: { at: 2 } } },
  ]),
  model([{ functionCall: { id: "own", name: "look", args: {} }, thoughtSignature: SECOND }]),
  model([{ text: "Done." }, { text: "", thoughtSignature: OF_TEXT }]),
];

/** What a client adds to its history for a reply, and for the results of its calls. */
const clients: Readonly<Record<CallerFormatId, (body: JsonObject) => JsonObject[]>> = {
  messages: ({ content }) => {
    const calls = (content as JsonObject[]).filter(({ type }) => type === "tool_use");
    const results = calls.map(({ id }) => ({
      type: "tool_result",
      tool_use_id: id,
      content: "ok",
    }));
    const next = results.length > 0 ? results : "go on";
    return [
      { role: "assistant", content },
      { role: "user", content: next },
    ] as JsonObject[];
  },
  chat: ({ choices }) => {
    const { message } = (choices as { message: JsonObject }[])[0] ?? { message: {} };
    const calls = (message.tool_calls ?? []) as JsonObject[];
    const results = calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "ok" }));
    const next = results.length > 0 ? results : [{ role: "user", content: "go on" }];
    return [message, ...next] as JsonObject[];
  },
  responses: ({ output }) => {
    const items = output as JsonObject[];
    const calls = items.filter(({ type }) => type === "function_call");
    const results = calls.map(({ call_id }) => ({
      type: "function_call_output",
      call_id,
      output: "ok",
    }));
    const next = results.length > 0 ? results : [{ role: "user", content: "go on" }];
    return [...items, ...next] as JsonObject[];
  },
};

function streamed(body: JsonObject, newId: () => string) {
  const assembler = new ReplyAssembler();
  const context = { provider: "google", losses: new Losses(), newId };
  const decoder = generate.createStreamDecoder((event) => assembler.push(event), context);
  decoder.event("", JSON.stringify(body));
  decoder.end();
  if (!assembler.reply) throw new Error("no reply");
  return assembler.reply;
}

function upstreamContents(id: CallerFormatId, { drop = false } = {}): JsonObject[] {
  const format = formats[id];
  let count = 0;
  const newId = () => `made${(count += 1)}`;
  const history: JsonObject[] = [{ role: "user", content: "hi" }];
  for (const reply of replies) {
    const body = format.encodeReply(streamed(reply, newId), replyContext(plainRequest()));
    history.push(...clients[id](JSON.parse(JSON.stringify(body)) as JsonObject));
  }
  if (drop) for (const message of history) delete message.reasoning_details;
  const asked = { model: "m", max_tokens: 9, messages: history };
  const body: JsonObject = id === "responses" ? { model: "m", input: history } : asked;
  const request = format.decodeRequest(body, { losses: new Losses() });
  const target = {
    provider: "google",
    model: "gemini-3-pro-preview",
    quirks: {},
    losses: new Losses(),
  };
  return generate.encodeRequest(request, target).contents as JsonObject[];
}

describe.each(Object.keys(clients) as CallerFormatId[])("through a %s client", (id) => {
  test("each signature returns to its part, and calls that had no id get none", () => {
    const [, first, , second, , third] = upstreamContents(id);
    expect(first?.parts).toEqual([
      { text: "I look.", thought: true },
      { functionCall: { name: "look", args: { at: 1 } }, thoughtSignature: FIRST },
      { functionCall: { name: "look", args: { at: 2 } } },
    ]);
    expect(second?.parts).toEqual([
      { functionCall: { id: "own", name: "look", args: {} }, thoughtSignature: SECOND },
    ]);
    expect(third?.parts).toEqual([{ text: "Done.", thoughtSignature: OF_TEXT }]);
  });
});

test("a client that drops reasoning gets its calls accepted all the same", () => {
  const [, first] = upstreamContents("chat", { drop: true });
  const [call] = (first?.parts ?? []) as JsonObject[];
  expect(Buffer.from(String(call?.thoughtSignature), "base64").toString()).toBe(
    "skip_thought_signature_validator",
  );
});
