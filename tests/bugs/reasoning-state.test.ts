// Bugs of other gateways, as facts about ours: what a model thought, handed to a client of another dialect
// and back. tests/README.md lists them by number.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#wire";
import { formats } from "../../gateway/formats/index.ts";
import { Losses } from "../../gateway/formats/losses.ts";
import { fields, fieldsList, type Fields } from "../grammar/findings.ts";
import {
  type Dialect,
  type Exchanged,
  gatewayBetween,
  HELLO,
  type UpstreamDialect,
} from "./gateway-between.ts";

const { exchange } = gatewayBetween();

const CALL = { name: "f", arguments: '{"a":1}' };
const TOOLS: Readonly<Record<Dialect, readonly Fields[]>> = {
  chat: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
  responses: [{ type: "function", name: "f", parameters: { type: "object" }, strict: false }],
  messages: [{ name: "f", input_schema: { type: "object" } }],
};
const THINKS: Readonly<Record<Dialect, Fields>> = {
  chat: { reasoning_effort: "medium" },
  responses: { reasoning: { effort: "medium" }, include: ["reasoning.encrypted_content"] },
  messages: { thinking: { type: "enabled", budget_tokens: 1_024 } },
};

/** What a faithful client of the dialect sends after `first`: everything it got, and a result for each call. */
function nextTurn(client: Dialect, { text }: Exchanged): Fields {
  const reply = fields(JSON.parse(text));
  const asked = fieldsList(HELLO[client]["messages"]);
  switch (client) {
    case "chat": {
      const message = fields(fieldsList(reply["choices"])[0]?.["message"]);
      const results = fieldsList(message["tool_calls"]).map(({ id }) => ({
        role: "tool",
        tool_call_id: id,
        content: "done",
      }));
      return { messages: [...asked, message, ...results] };
    }
    case "responses": {
      const output = fieldsList(reply["output"]);
      const calls = output.filter(({ type }) => type === "function_call");
      const results = calls.map(({ call_id }) => ({
        type: "function_call_output",
        call_id,
        output: "done",
      }));
      return { input: [{ role: "user", content: "hi" }, ...output, ...results] };
    }
    case "messages": {
      const content = fieldsList(reply["content"]);
      const calls = content.filter(({ type }) => type === "tool_use");
      const results = calls.map(({ id }) => ({
        type: "tool_result",
        tool_use_id: id,
        content: "done",
      }));
      const turns = [
        { role: "assistant", content },
        { role: "user", content: results },
      ];
      return { messages: [...asked, ...turns] };
    }
  }
}

async function twoTurns(client: Dialect, upstream: UpstreamDialect, answer: Fields) {
  const body = { tools: TOOLS[client], ...THINKS[client] };
  const first = await exchange(client, upstream, { answer, body });
  const second = await exchange(client, upstream, {
    body: { ...body, ...nextTurn(client, first) },
  });
  expect(second.response.status).toBe(200);
  return { first, second };
}

function messagesReply(...thinking: readonly Fields[]): Fields {
  return {
    id: "msg_up",
    type: "message",
    role: "assistant",
    model: "m",
    content: [...thinking, { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } }],
    stop_reason: "tool_use",
    usage: { input_tokens: 3, output_tokens: 9 },
  };
}

function responsesReply(...reasoning: readonly Fields[]): Fields {
  return {
    id: "resp_up",
    object: "response",
    model: "m",
    status: "completed",
    output: [...reasoning, { id: "fc_1", type: "function_call", call_id: "call_1", ...CALL }],
    usage: { input_tokens: 3, output_tokens: 9, total_tokens: 12 },
  };
}

function assistantBlocks({ sent }: Exchanged): readonly Fields[] {
  const turn = fieldsList(sent["messages"]).find(({ role }) => role === "assistant");
  return fieldsList(turn?.["content"]);
}

describe("signed thinking of a Messages upstream", () => {
  const blocks = {
    "with text": [{ type: "thinking", thinking: "hm ", signature: "c2lnbmVk+/==" }],
    "with empty text": [{ type: "thinking", thinking: "", signature: "c2lnbmVk+/==" }],
    redacted: [{ type: "redacted_thinking", data: "cmVkYWN0ZWQ=" }],
    "in several blocks": [
      { type: "thinking", thinking: "one", signature: "sig1" },
      { type: "redacted_thinking", data: "red" },
      { type: "thinking", thinking: "", signature: "sig2" },
    ],
  };
  for (const client of ["chat", "responses", "messages"] as const) {
    test.each(Object.entries(blocks))(
      `%s comes back from a ${client} client byte for byte, before the call it led to`,
      async (_, thinking) => {
        const { second } = await twoTurns(client, "messages", messagesReply(...thinking));
        expect(assistantBlocks(second)).toMatchObject([
          ...thinking,
          { type: "tool_use", name: "f" },
        ]);
        expect(fields(second.sent["thinking"])["type"]).toBe("enabled");
      },
    );
  }
});

test("a Chat client that forgets the thinking can still go on: the turn does not think", async () => {
  const thinking = { type: "thinking", thinking: "hm", signature: "sig" };
  const body = { tools: TOOLS.chat, ...THINKS.chat };
  const first = await exchange("chat", "messages", { answer: messagesReply(thinking), body });
  expect(first.sent["thinking"]).toMatchObject({ type: "enabled" });
  const { messages } = nextTurn("chat", first) as { messages: Fields[] };
  const forgetful = messages.map(
    ({ reasoning_content: _text, reasoning_details: _details, ...message }) => message,
  );
  const second = await exchange("chat", "messages", { body: { ...body, messages: forgetful } });
  expect(second.response.status).toBe(200);
  expect(second.sent["thinking"]).toEqual({ type: "disabled" });
  expect(second.response.headers.get("x-parley-lossy")).toContain("reasoning_effort=");
});

describe("thinking that goes to a Responses upstream", () => {
  const item = {
    id: "rs_1",
    type: "reasoning",
    summary: [{ type: "summary_text", text: "a secret thought" }],
    encrypted_content: "ZW5jcnlwdGVk",
  };

  test.each(["chat", "messages", "responses"] as const)(
    "from a %s client is the reasoning item it was, id and state together, never text",
    async (client) => {
      const { second } = await twoTurns(client, "responses", responsesReply(item));
      const input = fieldsList(second.sent["input"]);
      expect(input.filter(({ type }) => type === "reasoning")).toMatchObject([item]);
      const rest = input.filter(({ type }) => type !== "reasoning");
      expect(JSON.stringify(rest)).not.toContain("secret thought");
      expect(second.sent["include"]).toEqual(["reasoning.encrypted_content"]);
      // In its own dialect a request says itself whether it is stored.
      if (client !== "responses") expect(second.sent["store"]).toBe(false);
      const kinds = input.map(({ type }) => type);
      expect(kinds.indexOf("reasoning")).toBeLessThan(kinds.indexOf("function_call"));
    },
  );

  test.each(["chat", "messages"] as const)(
    "from a %s client, but made elsewhere, is left out and named, never text",
    async (client) => {
      const thinking = { type: "thinking", thinking: "a secret thought", signature: "sig" };
      const body = { tools: TOOLS[client], ...THINKS[client] };
      const first = await exchange(client, "messages", { answer: messagesReply(thinking), body });
      const second = await exchange(client, "responses", {
        body: { ...body, ...nextTurn(client, first) },
      });
      expect(second.sentText).not.toContain("secret thought");
      expect(second.sentText).not.toContain("gw1.");
      expect(second.response.headers.get("x-parley-lossy")).toContain("=reasoning of another");
      expect(fieldsList(second.sent["input"]).map(({ type }) => type)).toEqual([
        "message",
        "function_call",
        "function_call_output",
      ]);
    },
  );

  test("in the same-format lane loses what another provider made, and nothing else", async () => {
    const thinking = { type: "thinking", thinking: "hm", signature: "sig" };
    const body = { tools: TOOLS.responses, ...THINKS.responses };
    const first = await exchange("responses", "messages", {
      answer: messagesReply(thinking),
      body,
    });
    const { input } = nextTurn("responses", first) as { input: Fields[] };
    const second = await exchange("responses", "responses", {
      body: { ...body, input: [input[0] ?? {}, item, ...input.slice(1)] },
    });
    const kept = fieldsList(second.sent["input"]);
    expect(kept.filter(({ type }) => type === "reasoning")).toEqual([item]);
    expect(kept).toHaveLength(input.length);
  });
});

test.each(["chat", "messages", "responses"] as const)(
  "a Gemini signature comes back from a %s client on the first of two calls, where it was",
  async (client) => {
    const thoughtSignature = "c2lnbmVkIGJ5IEdlbWluaQ==";
    const call = (city: string) => ({ functionCall: { name: "f", args: { city } } });
    const parts = [{ ...call("Paris"), thoughtSignature }, call("Z\u00fcrich")];
    const { second } = await twoTurns(client, "generate", {
      candidates: [{ content: { role: "model", parts }, finishReason: "STOP" }],
      usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 9, totalTokenCount: 12 },
    });
    const model = fieldsList(second.sent["contents"]).find(({ role }) => role === "model");
    expect(fieldsList(model?.["parts"])).toMatchObject(parts);
    expect(fieldsList(model?.["parts"])[1]).not.toHaveProperty("thoughtSignature");
    expect(second.sentText.match(/functionResponse"/g)).toHaveLength(2);
  },
);

test("a host that wants its reasoning back with tool calls gets it from a client of Messages", () => {
  const history = [
    { role: "user", content: "hi" },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "the chain", signature: "" },
        { type: "tool_use", id: "toolu_1", name: "f", input: {} },
      ],
    },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "done" }] },
  ];
  const body: JsonObject = {
    model: "m",
    max_tokens: 9,
    tools: [...TOOLS.messages] as JsonObject[],
    messages: history,
  };
  const request = formats.messages.decodeRequest(body, { losses: new Losses() });
  const encode = (wantsReasoningContent: boolean) => {
    const target = { provider: "host", model: "m", quirks: { wantsReasoningContent } };
    const losses = new Losses();
    const { messages } = formats.chat.encodeRequest(request, { ...target, losses });
    return { turn: fieldsList(messages)[1], losses: losses.toString() };
  };
  expect(encode(true)).toMatchObject({ turn: { reasoning_content: "the chain" }, losses: "" });
  const elsewhere = encode(false);
  expect(JSON.stringify(elsewhere.turn)).not.toContain("the chain");
  expect(elsewhere.losses).toContain("thinking=");
});
