// Bugs of other gateways, as facts about ours: what a model thought, handed to a client of another dialect
// and back. tests/README.md lists them by number.

import { describe, expect, test } from "bun:test";
import { type Carrier, encodeCarrier, type JsonObject } from "#wire";
import { formats } from "../../gateway/formats/index.ts";
import { Losses } from "../../gateway/formats/losses.ts";
import type { Script } from "../scripted-upstream.ts";
import { fields, fieldsList, type Fields } from "../grammar/findings.ts";
import {
  type Dialect,
  type Exchanged,
  gatewayBetween,
  HELLO,
  REPLIES,
  toolPieces,
  type UpstreamDialect,
} from "./gateway-between.ts";

const { ask, exchange } = gatewayBetween();

const SSE = { "content-type": "text/event-stream" };
const STREAM = [
  { type: "response.created", response: { id: "resp_2", output: [] } },
  {
    type: "response.completed",
    response: { id: "resp_2", status: "completed", output: [], usage: { input_tokens: 1 } },
  },
]
  .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  .join("");

/** The block in which a client of Messages holds a sealed reasoning item. */
function thinkingOf({ id, encrypted_content: data }: { id: string; encrypted_content: string }) {
  const carrier = { format: "responses", kind: "encrypted", data, id, provider: "responses" };
  return { type: "thinking", thinking: "", signature: encodeCarrier(carrier as Carrier) };
}

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

/** What most Chat clients send back of an answer: none of its reasoning. */
function forgetful(messages: readonly Fields[]): Fields[] {
  return messages.map(
    ({ reasoning_content: _text, reasoning_details: _details, ...message }) => message,
  );
}

/** A turn as its Chat client put it together from a stream. */
function assembled(exchanged: Exchanged): Fields {
  const [piece] = toolPieces(exchanged);
  const pieces = toolPieces(exchanged).map((one) => fields(one["function"]));
  const { name } = pieces[0] ?? {};
  const text = pieces.map((one) => one["arguments"] ?? "").join("");
  const call = { id: piece?.["id"], type: "function", function: { name, arguments: text } };
  return { role: "assistant", content: null, tool_calls: [call] };
}

describe("a Chat client that forgets the thinking", () => {
  const signed = { type: "thinking", thinking: "hm ", signature: "c2lnbmVk+/==" };
  const item = {
    id: "rs_9",
    type: "reasoning",
    summary: [{ type: "summary_text", text: "hm" }],
    encrypted_content: "ZW5jcnlwdGVk",
  };
  const thoughtSignature = "c2lnbmVkIGJ5IEdlbWluaQ==";
  const body = { tools: TOOLS.chat, ...THINKS.chat };
  const second = async (first: Exchanged, upstream: UpstreamDialect, message?: Fields) => {
    const { messages } = message
      ? { messages: answered(message) }
      : (nextTurn("chat", first) as { messages: Fields[] });
    const sent = await exchange("chat", upstream, {
      body: { ...body, messages: forgetful(messages) },
    });
    expect(sent.response.status).toBe(200);
    expect(sent.response.headers.get("x-parley-lossy") ?? "").not.toMatch(/lost its|without its/);
    return sent;
  };
  const answered = (message: Fields): Fields[] => [
    ...fieldsList(HELLO.chat["messages"]),
    message,
    { role: "tool", tool_call_id: fieldsList(message["tool_calls"])[0]?.["id"], content: "done" },
  ];

  test("has it put back for Messages, byte for byte, and goes on thinking", async () => {
    const reply = {
      ...messagesReply(signed, { type: "redacted_thinking", data: "cmVk" }),
      content: [
        signed,
        { type: "redacted_thinking", data: "cmVk" },
        { type: "tool_use", id: "toolu_kept", name: "f", input: { a: 1 } },
      ],
    };
    const first = await exchange("chat", "messages", { answer: reply, body });
    const { sent, ...rest } = await second(first, "messages");
    expect(assistantBlocks({ sent, ...rest })).toMatchObject([
      signed,
      { type: "redacted_thinking", data: "cmVk" },
      { type: "tool_use", id: "toolu_kept" },
    ]);
    expect(fields(sent["thinking"])["type"]).toBe("enabled");
  });

  test("has it put back out of a stream, too", async () => {
    const first = await exchange("chat", "messages", { answer: thinkingStream(signed), body });
    const { sent, ...rest } = await second(first, "messages", assembled(first));
    expect(assistantBlocks({ sent, ...rest })).toMatchObject([
      signed,
      { type: "tool_use", id: "toolu_streamed", input: { a: 1 } },
    ]);
  });

  test("has it put back for Responses, id and state together", async () => {
    const first = await exchange("chat", "responses", { answer: responsesReply(item), body });
    const { sent } = await second(first, "responses");
    expect(fieldsList(sent["input"]).filter(({ type }) => type === "reasoning")).toMatchObject([
      item,
    ]);
  });

  test("has Gemini's signature put back on its call", async () => {
    const parts = [{ functionCall: { name: "f", args: { a: 1 } }, thoughtSignature }];
    const first = await exchange("chat", "generate", {
      answer: {
        responseId: "kept",
        candidates: [{ content: { role: "model", parts }, finishReason: "STOP" }],
        usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 9, totalTokenCount: 12 },
      },
      body,
    });
    const { sent } = await second(first, "generate");
    const model = fieldsList(sent["contents"]).find(({ role }) => role === "model");
    expect(fieldsList(model?.["parts"])).toMatchObject(parts);
  });

  test("can still go on where nothing is known of it any more: the turn does not think", async () => {
    const call = { id: "toolu_unknown", type: "function", function: CALL };
    const messages = answered({ role: "assistant", content: null, tool_calls: [call] });
    const { sent, response } = await exchange("chat", "messages", { body: { ...body, messages } });
    expect(response.status).toBe(200);
    expect(sent["thinking"]).toEqual({ type: "disabled" });
    expect(response.headers.get("x-parley-lossy")).toContain("reasoning_effort=");
  });
});

// opencode, for one: it asks OpenAI's own models for sealed reasoning, and no other.
describe("a Responses client that does not ask for sealed reasoning", () => {
  const signed = { type: "thinking", thinking: "hm ", signature: "c2lnbmVk+/==" };
  const body = { tools: TOOLS.responses, reasoning: { effort: "medium" } };
  // Longer than an id may be in Chat.
  const kept = `toolu_${"x".repeat(50)}`;
  const replyCalling = (id: string) => ({
    ...messagesReply(signed),
    content: [signed, { type: "tool_use", id, name: "f", input: { a: 1 } }],
  });
  const goOn = (id: string, output: readonly Fields[]) => ({
    ...body,
    input: [
      { role: "user", content: "hi" },
      ...output,
      { type: "function_call_output", call_id: id, output: "done" },
    ],
  });

  test("has it put back, byte for byte", async () => {
    const first = await exchange("responses", "messages", {
      answer: replyCalling(kept),
      body,
    });
    const output = fieldsList(fields(JSON.parse(first.text))["output"]);
    expect(JSON.stringify(output)).not.toContain("gw1.");
    for (const sent of [output, output.filter(({ type }) => type !== "reasoning")]) {
      const second = await exchange("responses", "messages", { body: goOn(kept, sent) });
      expect(second.response.status).toBe(200);
      expect(assistantBlocks(second)).toMatchObject([signed, { type: "tool_use", id: kept }]);
    }
  });

  test("is not remembered for when it asks, and so has it", async () => {
    const id = "toolu_asked";
    const first = await exchange("responses", "messages", {
      answer: replyCalling(id),
      body: { ...body, ...THINKS.responses },
    });
    const output = fieldsList(fields(JSON.parse(first.text))["output"]);
    expect(JSON.stringify(output)).toContain("gw1.");
    const calls = output.filter(({ type }) => type !== "reasoning");
    const second = await exchange("responses", "messages", { body: goOn(id, calls) });
    expect(assistantBlocks(second)).toMatchObject([{ type: "tool_use", id }]);
  });
});

function thinkingStream({ thinking, signature }: { thinking: string; signature: string }): string {
  const block = (index: number, content_block: Fields, deltas: readonly Fields[]) => [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
  const call = { type: "tool_use", id: "toolu_streamed", name: "f", input: {} };
  const events: readonly (Fields & { type: string })[] = [
    {
      type: "message_start",
      message: { ...messagesReply(), content: [], usage: { input_tokens: 3, output_tokens: 1 } },
    },
    ...block(0, { type: "thinking", thinking: "", signature: "" }, [
      { type: "thinking_delta", thinking: thinking.slice(0, 1) },
      { type: "thinking_delta", thinking: thinking.slice(1) },
      { type: "signature_delta", signature },
    ]),
    ...block(1, call, [
      { type: "input_json_delta", partial_json: '{"a"' },
      { type: "input_json_delta", partial_json: ":1}" },
    ]),
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } },
    { type: "message_stop" },
  ];
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

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

describe("reasoning that another organisation sealed", () => {
  const item = { id: "rs_1", type: "reasoning", summary: [], encrypted_content: "ZW5jcnlwdGVk" };
  const refusal = {
    message: "The encrypted content ZW5j...ZWQ= could not be verified.",
    type: "invalid_request_error",
    param: null,
    code: "invalid_encrypted_content",
  };
  const failed = (error: Fields) =>
    new Response(
      [
        { type: "response.created", response: { id: "resp_1", output: [] } },
        { type: "response.failed", response: { id: "resp_1", status: "failed", error } },
      ]
        .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
        .join(""),
      { headers: { "content-type": "text/event-stream" } },
    );
  /** Refuses what holds reasoning, in a status or in a stream; keeps the bodies. */
  const strictAccount =
    (bodies: Fields[], asStream = false): Script =>
    ({ body }) => {
      const sent = fields(JSON.parse(body));
      bodies.push(sent);
      const isSealed = fieldsList(sent["input"]).some(({ type }) => type === "reasoning");
      if (!isSealed && asStream) return new Response(STREAM, { headers: SSE });
      if (!isSealed) return Response.json(REPLIES.responses);
      return asStream ? failed(refusal) : Response.json({ error: refusal }, { status: 400 });
    };

  test.each(["chat", "messages", "responses"] as const)(
    "from a %s client is left out, named, and the call made once more",
    async (client) => {
      const body = { tools: TOOLS[client], ...THINKS[client] };
      const first = await exchange(client, "responses", { answer: responsesReply(item), body });
      const bodies: Fields[] = [];
      const second = await exchange(client, "responses", {
        answer: strictAccount(bodies),
        body: { ...body, ...nextTurn(client, first), stream: false },
      });
      expect(second.response.status).toBe(200);
      expect(second.response.headers.get("x-parley-lossy")).toContain(
        "reasoning=reasoning that another account sealed",
      );
      expect(bodies).toHaveLength(2);
      const types = (sent: Fields | undefined) =>
        fieldsList(sent?.["input"]).map(({ type }) => type ?? "message");
      expect(types(bodies[0])).toContain("reasoning");
      expect(types(bodies[1])).toEqual(types(bodies[0]).filter((type) => type !== "reasoning"));
      const call = fieldsList(bodies[1]?.["input"]).find(({ type }) => type === "function_call");
      expect(call).toMatchObject({ call_id: "call_1", ...CALL });
      // Bound by its id to what is not there any more, it would be refused in turn.
      expect(call).not.toHaveProperty("id");
    },
  );

  test("is left out of a stream, too, that only says so behind its announcement", async () => {
    for (const client of ["responses", "messages"] as const) {
      const bodies: Fields[] = [];
      const history = {
        responses: { input: [item, { role: "user", content: "go on" }] },
        messages: {
          messages: [
            { role: "user", content: "hi" },
            { role: "assistant", content: [thinkingOf(item), { type: "text", text: "yes" }] },
            { role: "user", content: "go on" },
          ],
        },
      }[client];
      const answer = await ask(client, "responses", {
        answer: strictAccount(bodies, true),
        body: { stream: true, ...THINKS[client], ...history },
      });
      expect(answer.status).toBe(200);
      await answer.text();
      expect(bodies).toHaveLength(2);
      expect(JSON.stringify(bodies[1])).not.toContain(item.encrypted_content);
    }
  });

  test("is left out once: what is refused for it again is the caller's to hear", async () => {
    const bodies: Fields[] = [];
    const second = await exchange("responses", "responses", {
      answer: ({ body }) => {
        bodies.push(fields(JSON.parse(body)));
        return Response.json({ error: refusal }, { status: 400 });
      },
      body: { input: [item, { role: "user", content: "go on" }] },
    });
    expect(second.response.status).toBe(400);
    expect(second.text).toContain("invalid_encrypted_content");
    expect(bodies).toHaveLength(2);
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
