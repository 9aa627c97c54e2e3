// Bugs of other gateways, as facts about ours: what agents send, and what the upstream gets of it.
// tests/README.md lists them by number.

import { describe, expect, test } from "bun:test";
import { fields, fieldsList, type Fields } from "../grammar/findings.ts";
import { type Dialect, dialects, gatewayBetween } from "./gateway-between.ts";
import {
  callItem,
  chatStream,
  chunk,
  messagesStream,
  responsesStream,
  toolDelta,
  used,
} from "./upstream-streams.ts";

const { exchange } = gatewayBetween();

/** The texts an upstream gets, in order, each with the role it is said in. */
function sentTexts({ sent }: { sent: Fields }): string[] {
  const turns = fieldsList(sent["messages"] ?? sent["input"]);
  return turns.flatMap(({ role, content }) => {
    const texts =
      typeof content === "string" ? [content] : fieldsList(content).map(({ text }) => text);
    return texts.map((text) => `${String(role)}: ${String(text)}`);
  });
}

describe("a system message in mid-conversation", () => {
  const system = { role: "system", content: "from now on, rhyme" };
  const user = (content: string) => ({ role: "user", content });
  const assistant = { role: "assistant", content: "one" };
  const turns = [user("first"), assistant, user("second"), system];
  const bodies: Readonly<Record<Dialect, Fields>> = {
    chat: { messages: turns },
    responses: { input: turns },
    messages: { messages: turns, max_tokens: 9 },
  };
  const kept = {
    chat: "system: from now on, rhyme",
    responses: "developer: from now on, rhyme",
    messages: "user: <system-reminder>\nfrom now on, rhyme\n</system-reminder>",
  };
  for (const client of dialects) {
    for (const upstream of dialects.filter((each) => each !== client)) {
      test(`of a ${client} client keeps its place at ${upstream}`, async () => {
        const got = await exchange(client, upstream, { body: bodies[client] });
        expect(got.response.status).toBe(200);
        expect(sentTexts(got)).toEqual([
          "user: first",
          "assistant: one",
          "user: second",
          kept[upstream],
        ]);
      });
    }
  }
});

describe("Codex's freeform apply_patch", () => {
  const PATCH = '*** Begin Patch\n*** Add File: "a".txt\n+é\\n\n*** End Patch';
  const apply = {
    type: "custom",
    name: "apply_patch",
    description: "edits files",
    format: { type: "grammar", syntax: "lark", definition: "start: begin hunk end" },
  };
  const called = {
    chat: chatStream(
      chunk({
        tool_calls: [
          toolDelta(0, {
            id: "call_1",
            name: "apply_patch",
            args: JSON.stringify({ input: PATCH }),
          }),
        ],
      }),
      chunk({}, "tool_calls"),
    ),
    messages: messagesStream(
      "tool_use",
      used(
        0,
        "call_1",
        "apply_patch",
        ...(JSON.stringify({ input: PATCH }).match(/.{1,3}/gsu) ?? []),
      ),
    ),
  };

  test.each(Object.entries(called))(
    "is declared to %s as a function, called with raw text, and answered as the same tool",
    async (name, answer) => {
      const upstream = name as Dialect;
      const first = await exchange("responses", upstream, { answer, body: { tools: [apply] } });
      const declared = fieldsList(first.sent["tools"])[0];
      const tool = upstream === "chat" ? fields(declared?.["function"]) : declared;
      expect(tool?.["name"]).toBe("apply_patch");
      expect(String(tool?.["description"])).toContain("start: begin hunk end");
      const done = first.events.findLast((event) => event["type"] === "response.output_item.done");
      const item = fields(done?.["item"]);
      expect(item).toMatchObject({ type: "custom_tool_call", name: "apply_patch", input: PATCH });
      const deltas = first.events.filter(
        ({ type }) => type === "response.custom_tool_call_input.delta",
      );
      expect(deltas.map(({ delta }) => delta).join("")).toBe(PATCH);
      const result = { type: "custom_tool_call_output", call_id: item["call_id"], output: "Done!" };
      const input = [{ role: "user", content: "hi" }, item, result];
      const second = await exchange("responses", upstream, { body: { tools: [apply], input } });
      expect(second.response.status).toBe(200);
      const turn = fieldsList(second.sent["messages"])[1];
      const replayed =
        upstream === "chat"
          ? JSON.parse(
              String(fields(fieldsList(turn?.["tool_calls"])[0]?.["function"])["arguments"]),
            )
          : fieldsList(turn?.["content"])[0]?.["input"];
      expect(replayed).toEqual({ input: PATCH });
      expect(second.sentText).toContain("Done!");
      expect(second.sentText).not.toContain("custom_tool_call");
    },
  );

  test("gets its raw text when the call comes whole", async () => {
    const content = [
      { type: "tool_use", id: "toolu_1", name: "apply_patch", input: { input: PATCH } },
    ];
    const answer = { type: "message", content, stop_reason: "tool_use", usage: {} };
    const got = await exchange("responses", "messages", { answer, body: { tools: [apply] } });
    expect(got.outcome.toolCalls).toMatchObject([
      { name: "apply_patch", arguments: PATCH, isFreeform: true },
    ]);
  });
});

describe("tool results", () => {
  const PNG = "iVBORw0KGgo=";
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
  const text = (content: string) => ({ type: "text", text: content });
  const result = (id: string, more: Fields) => ({ type: "tool_result", tool_use_id: id, ...more });
  const calls = ["toolu_1", "toolu_2"].map((id) => ({
    type: "tool_use",
    id,
    name: "f",
    input: {},
  }));
  const body = {
    tools: [{ name: "f", input_schema: { type: "object" } }],
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", content: [text("two at once"), ...calls] },
      {
        role: "user",
        content: [
          result("toolu_2", { content: [text("second"), image] }),
          result("toolu_1", { content: "it broke", is_error: true }),
          text("and now?"),
        ],
      },
    ],
  };

  test("follow their calls at a Chat upstream, errors marked, images behind all of them", async () => {
    const got = await exchange("messages", "chat", { body });
    const messages = fieldsList(got.sent["messages"]);
    expect(messages.map(({ role }) => role).slice(0, 4)).toEqual([
      "user",
      "assistant",
      "tool",
      "tool",
    ]);
    const tools = messages.filter(({ role }) => role === "tool");
    expect(tools.map(({ tool_call_id }) => tool_call_id).toSorted()).toEqual([
      "toolu_1",
      "toolu_2",
    ]);
    const broken = tools.find(({ tool_call_id }) => tool_call_id === "toolu_1");
    expect(broken?.["content"]).toBe("[tool error] it broke");
    const after = JSON.stringify(messages.slice(4));
    expect(after).toContain(`data:image/png;base64,${PNG}`);
    expect(JSON.stringify(tools)).not.toContain("image_url");
    expect(after.indexOf(PNG)).toBeLessThan(after.indexOf("and now?"));
    const lost = got.response.headers.get("x-parley-lossy");
    expect(lost).toContain("is_error=");
    expect(lost).toContain("image moved");
  });

  test("keep their images and their pairing at a Responses upstream", async () => {
    const { sent } = await exchange("messages", "responses", { body });
    const input = fieldsList(sent["input"]);
    const outputs = input.filter(({ type }) => type === "function_call_output");
    expect(outputs.map(({ call_id }) => call_id).toSorted()).toEqual(["toolu_1", "toolu_2"]);
    expect(JSON.stringify(outputs)).toContain(`data:image/png;base64,${PNG}`);
  });

  test("of a Chat client are one message before any text at a Messages upstream", async () => {
    const tool = (id: string, content: string) => ({ role: "tool", tool_call_id: id, content });
    const tool_calls = ["c1", "c2"].map((id) => ({
      id,
      type: "function",
      function: { name: "f", arguments: "{}" },
    }));
    const messages = [
      { role: "user", content: "hi" },
      { role: "assistant", content: null, tool_calls },
      tool("c2", "second"),
      tool("c1", "first"),
      { role: "user", content: "and now?" },
    ];
    const { sent } = await exchange("chat", "messages", { body: { messages } });
    expect(fieldsList(sent["messages"])[2]).toMatchObject({
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "c2" },
        { type: "tool_result", tool_use_id: "c1" },
        { type: "text", text: "and now?" },
      ],
    });
    expect(fieldsList(sent["messages"])).toHaveLength(3);
  });

  test("of which there are two for one call, or none, are refused with their place", async () => {
    const twice = [
      ...fieldsList(body.messages[2]?.content),
      result("toolu_1", { content: "again" }),
    ];
    const doubled = {
      ...body,
      messages: [...body.messages.slice(0, 2), { role: "user", content: twice }],
    };
    const half = [result("toolu_2", { content: "second" })];
    const missing = {
      ...body,
      messages: [...body.messages.slice(0, 2), { role: "user", content: half }],
    };
    for (const upstream of ["chat", "responses"] as const) {
      for (const broken of [doubled, missing]) {
        const { response, text: said } = await exchange("messages", upstream, { body: broken });
        expect(response.status).toBe(400);
        expect(said).toContain("toolu_1");
      }
    }
  });
});

describe("tool ids", () => {
  const LEGAL = /^[A-Za-z0-9_-]+$/;
  const MAX = { chat: 40, responses: 64, messages: 64 } as const;
  const made = [
    "functions.Bash:0",
    "call|fc_é 1",
    `toolu_${"x".repeat(80)}`,
    "k".repeat(41),
    "call_1",
  ];

  for (const upstream of dialects) {
    test(`of any maker are ones that ${upstream} accepts, and call and result stay a pair`, async () => {
      const client = upstream === "messages" ? "chat" : "messages";
      for (const id of made) {
        const body = client === "chat" ? chatHistory(id) : messagesHistory(id);
        const { sent } = await exchange(client, upstream, { body });
        const { call, result } = pairOf(sent);
        expect(call).toMatch(LEGAL);
        expect(call.length).toBeLessThanOrEqual(MAX[upstream]);
        expect(result).toBe(call);
        if (id === "call_1") expect(call).toBe(id);
      }
    });

    test(`from ${upstream} come back as they were, though a client of another dialect had them`, async () => {
      const client = upstream === "chat" ? "messages" : "chat";
      const answer = {
        chat: chatStream(
          chunk({ tool_calls: [toolDelta(0, { id: "call_Legal-1", name: "f", args: "{}" })] }),
          chunk({}, "tool_calls"),
        ),
        responses: responsesStream(callItem(0, "call_Legal-1", "f", "{}")),
        messages: messagesStream("tool_use", used(0, "call_Legal-1", "f", "{}")),
      }[upstream];
      const { outcome } = await exchange(client, upstream, { answer });
      const id = outcome.toolCalls[0]?.id ?? "";
      const body = client === "chat" ? chatHistory(id) : messagesHistory(id);
      expect(pairOf((await exchange(client, upstream, { body })).sent)).toEqual({
        call: "call_Legal-1",
        result: "call_Legal-1",
      });
    });
  }

  test("that are long and alike stay apart", async () => {
    const ids = [`${"y".repeat(70)}1`, `${"y".repeat(70)}2`];
    const found = new Set<string>();
    for (const id of ids) {
      const { sent } = await exchange("messages", "chat", { body: messagesHistory(id) });
      found.add(pairOf(sent).call);
    }
    expect(found.size).toBe(2);
  });

  function messagesHistory(id: string): Fields {
    return {
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content: [{ type: "tool_use", id, name: "f", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: "done" }] },
      ],
    };
  }

  function chatHistory(id: string): Fields {
    const call = { id, type: "function", function: { name: "f", arguments: "{}" } };
    return {
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: id, content: "done" },
      ],
    };
  }

  function pairOf(sent: Fields): { call: string; result: string } {
    const turns = fieldsList(sent["messages"] ?? sent["input"]);
    const blocks = turns.flatMap((turn) => [turn, ...fieldsList(turn["content"])]);
    const calls = blocks.flatMap((each) => [...fieldsList(each["tool_calls"]), each]);
    const call = calls.find(
      ({ type }) => type === "function" || type === "tool_use" || type === "function_call",
    );
    const result = blocks.find(
      ({ type, role }) =>
        role === "tool" || type === "tool_result" || type === "function_call_output",
    );
    return {
      call: String(call?.["call_id"] ?? call?.["id"]),
      result: String(result?.["call_id"] ?? result?.["tool_call_id"] ?? result?.["tool_use_id"]),
    };
  }
});

describe("two requests that say the same", () => {
  const agent = (turn: number): Fields => ({
    system: [
      { type: "text", text: `x-anthropic-billing-header: cc_version=2; cch=${turn}` },
      { type: "text", text: "You are an agent.", cache_control: { type: "ephemeral" } },
    ],
    metadata: { user_id: '{"session_id":"s-1"}' },
    tools: [{ name: "f", description: "d", input_schema: { type: "object", properties: {} } }],
  });

  test.each(["chat", "responses"] as const)(
    "are the same bytes at %s, without the line that Claude Code changes each time",
    async (upstream) => {
      const first = await exchange("messages", upstream, { body: agent(1) });
      const second = await exchange("messages", upstream, { body: agent(2) });
      expect(first.sentText).not.toContain("billing");
      expect(second.sentText).toBe(first.sentText);
      expect(first.sentText).toContain("You are an agent.");
    },
  );

  test.each(["chat", "responses"] as const)(
    "begin alike at %s when the conversation grows",
    async (upstream) => {
      const turns = [
        { role: "user", content: "hi" },
        { role: "assistant", content: "hello" },
        { role: "user", content: "more" },
      ];
      const field = upstream === "chat" ? "messages" : "input";
      const ask = (messages: Fields[]) =>
        exchange("messages", upstream, { body: { ...agent(1), messages } });
      const [short, long] = [await ask(turns.slice(0, 1)), await ask(turns)];
      const before = fieldsList(short.sent[field]);
      expect(fieldsList(long.sent[field]).slice(0, before.length)).toEqual([...before]);
      expect(long.sent["tools"]).toEqual(short.sent["tools"]);
    },
  );

  test("keep the caller's prompt_cache_key on the way to another dialect", async () => {
    const body = { prompt_cache_key: "s-1" };
    const got = await exchange("responses", "chat", { body });
    expect(got.sent["prompt_cache_key"]).toBe("s-1");
    const back = await exchange("chat", "responses", { body });
    expect(back.sent["prompt_cache_key"]).toBe("s-1");
  });
});
