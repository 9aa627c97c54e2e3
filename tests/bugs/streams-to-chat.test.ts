// Bugs of other gateways, as facts about ours: streams that end at a Chat client. tests/README.md lists
// them by number.

import { describe, expect, test } from "bun:test";
import { fieldsList } from "../grammar/findings.ts";
import { eventStream } from "../scripted-upstream.ts";
import { type Dialect, gatewayBetween, toolPieces } from "./gateway-between.ts";
import {
  block,
  callItem,
  chatStream,
  chunk,
  messagesStream,
  messageStart,
  named,
  responsesStream,
  said,
  textItem,
  toolDelta,
  used,
} from "./upstream-streams.ts";

const { exchange, ask } = gatewayBetween();

const parallel = {
  messages: messagesStream(
    "tool_use",
    used(0, "toolu_1", "f", '{"a"', ":1}"),
    said(1, "and"),
    block(2, {
      type: "server_tool_use",
      id: "srvtoolu_1",
      name: "web_search",
      input: { query: "q" },
    }),
    block(3, { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] }),
    used(4, "toolu_2", "g", '{"b":2}'),
  ),
  responses: responsesStream([
    ...callItem(0, "toolu_1", "f", '{"a"', ":1}"),
    ...textItem(1, "and"),
    ...callItem(2, "toolu_2", "g", '{"b":2}'),
  ]),
};

describe.each(Object.entries(parallel))("calls from %s", (upstream, answer) => {
  test("are counted from 0, whatever lies between them", async () => {
    const got = await exchange("chat", upstream as Dialect, { answer });
    expect(toolPieces(got).map(({ index }) => index)).toEqual([0, 0, 0, 1, 1]);
    expect(got.outcome.toolCalls.map((call) => [call.id, call.name, call.arguments])).toEqual([
      ["toolu_1", "f", '{"a":1}'],
      ["toolu_2", "g", '{"b":2}'],
    ]);
  });

  test("have id, type and name in their first piece only, and no piece repeats the arguments", async () => {
    const got = await exchange("chat", upstream as Dialect, { answer });
    const seen = new Set<unknown>();
    for (const piece of toolPieces(got)) {
      const isFirst = !seen.has(piece["index"]);
      seen.add(piece["index"]);
      expect("id" in piece).toBe(isFirst);
      expect("type" in piece).toBe(isFirst);
      expect(JSON.stringify(piece).includes('"name"')).toBe(isFirst);
    }
    expect(got.text.split(String.raw`\"b\":2`)).toHaveLength(2);
  });
});

test("ids and names that a host repeats in every chunk are not put together", async () => {
  const piece = (args: string) => toolDelta(0, { id: "call_1", name: "f", args });
  const answer = chatStream(
    chunk({ tool_calls: [piece('{"a"')] }),
    chunk({ tool_calls: [piece(":1}")] }),
    chunk({}, "tool_calls"),
  );
  for (const client of ["messages", "responses"] as const) {
    const got = await exchange(client, "chat", { answer });
    expect(got.outcome.toolCalls).toMatchObject([
      { id: "call_1", name: "f", arguments: '{"a":1}' },
    ]);
  }
});

test.each(["chat", "responses"] as const)(
  "a whole reply with several calls gives a %s client all of them",
  async (client) => {
    const got = await exchange(client, "messages", {
      answer: {
        id: "msg_up",
        type: "message",
        role: "assistant",
        model: "m",
        content: [
          { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } },
          { type: "text", text: "and" },
          { type: "tool_use", id: "toolu_2", name: "g", input: {} },
          { type: "tool_use", id: "toolu_3", name: "f", input: { a: 2 } },
        ],
        stop_reason: "tool_use",
        usage: { input_tokens: 3, output_tokens: 9 },
      },
    });
    expect(got.outcome.toolCalls.map(({ id, arguments: args }) => [id, args])).toEqual([
      ["toolu_1", '{"a":1}'],
      ["toolu_2", "{}"],
      ["toolu_3", '{"a":2}'],
    ]);
    expect(got.outcome.stop).toBe("tool_use");
  },
);

const hello = {
  messages: messagesStream("end_turn", said(0, "Hi")),
  responses: responsesStream(textItem(0, "Hi")),
};

test.each(Object.entries(hello))(
  "usage from %s is one chunk without choices, and comes to those who asked",
  async (upstream, answer) => {
    const asked = await exchange("chat", upstream as Dialect, {
      answer,
      body: { stream_options: { include_usage: true } },
    });
    const withUsage = asked.events.filter((event) => event["usage"]);
    expect(withUsage).toMatchObject([{ choices: [], usage: { prompt_tokens: 3 } }]);
    const silent = await exchange("chat", upstream as Dialect, { answer });
    expect(silent.text).not.toContain('"usage"');
    expect(silent.events.every((event) => fieldsList(event["choices"]).length === 1)).toBe(true);
  },
);

const firstHalves = {
  messages: named(messageStart, ...used(0, "toolu_1", "f", '{"first":').slice(0, -1)),
  responses: responsesStream(callItem(0, "call_1", "f", '{"first":').slice(0, 2)).replace(
    /event: response.completed[^]*$/,
    "",
  ),
  chat: chatStream(
    chunk({ tool_calls: [toolDelta(0, { id: "call_1", name: "f", args: '{"first":' })] }),
  ).replace("data: [DONE]\n\n", ""),
};

test.each(Object.entries(firstHalves))(
  "the arguments of a call from %s are passed on while the call goes on",
  async (upstream, pieces) => {
    const client = upstream === "chat" ? "messages" : "chat";
    const rest = Promise.withResolvers<void>();
    const answer = () => eventStream([pieces], { hold: rest.promise });
    const response = await ask(client, upstream as Dialect, { answer });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let seen = "";
    // Comes to an end only if the half is passed on: the upstream waits for this test.
    while (!seen.includes("first")) seen += (await reader?.read())?.value ?? "";
    rest.resolve();
    await reader?.cancel();
  },
);

test.each(["messages", "responses"] as const)(
  "two calls without an index are two calls for a %s client",
  async (client) => {
    const call = (id: string, args: string) => ({ id, function: { name: "f", arguments: args } });
    for (const chunks of [
      [chunk({ tool_calls: [call("id1", '{"a":1}'), call("id2", '{"a":2}')] })],
      [
        chunk({ tool_calls: [call("id1", '{"a":1}')] }),
        chunk({ tool_calls: [call("id2", '{"a":2}')] }),
      ],
    ]) {
      const answer = chatStream(...chunks, chunk({}, "tool_calls"));
      const got = await exchange(client, "chat", { answer });
      expect(got.outcome.toolCalls.map(({ arguments: args }) => args)).toEqual([
        '{"a":1}',
        '{"a":2}',
      ]);
    }
  },
);
