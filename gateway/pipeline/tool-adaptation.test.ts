// Tools fitted to an upstream and restored on the way back: names, namespaces, freeform input, hosted tools.

import { describe, expect, test } from "bun:test";
import { ReplyAssembler, type ConversationRequest, type ReplyEvent, type Tool } from "#wire";
import { Losses } from "../formats/losses.ts";
import { adaptTools } from "./tool-adaptation.ts";

const schema = { type: "object", properties: {} };

function request(
  tools: readonly Tool[],
  rest: Partial<ConversationRequest> = {},
): ConversationRequest {
  return { model: "m", isStream: true, instructions: [], turns: [], tools, paths: {}, ...rest };
}

function adapt(given: ConversationRequest, format: "chat" | "messages" | "responses" = "messages") {
  const losses = new Losses();
  const adapted = adaptTools(given, { format, quirks: {} }, { hostedTools: "drop", losses });
  return { ...adapted, losses };
}

function restoreStream(adapted: ReturnType<typeof adapt>, name: string, pieces: readonly string[]) {
  const assembler = new ReplyAssembler();
  const emit = adapted.restoreEvents((event) => assembler.push(event));
  const events: ReplyEvent[] = [
    { type: "start" },
    { type: "open", kind: "toolCall", id: "c1", name },
    ...pieces.map((text) => ({ type: "delta", text }) as const),
    { type: "close" },
    { type: "finish", stop: "tool_use" },
  ];
  for (const event of events) emit(event);
  return assembler.reply?.parts[0];
}

const applyPatch: Tool = {
  kind: "freeform",
  name: "apply_patch",
  description: "Edits files.",
  grammar: { syntax: "lark", definition: "start: /.+/" },
};

describe("freeform tools", () => {
  test("become a function with one string, its grammar in the description", () => {
    const { request: sent } = adapt(request([applyPatch]));
    expect(sent.tools[0]).toMatchObject({
      kind: "function",
      name: "apply_patch",
      description: "Edits files.\n\nInput grammar (lark):\nstart: /.+/",
      schema: { required: ["input"] },
    });
  });

  test("have their grammar named as lost where only the description tells of it", () => {
    const path = "tools[0]";
    const given = request([{ ...applyPatch, path }]);
    expect(adapt(given).losses.toString()).toStartWith("tools[0].format=");
    expect(adapt(given, "responses").losses.toString()).toBe("");
    const { grammar: _, ...plain } = applyPatch;
    expect(adapt(request([plain])).losses.toString()).toBe("");
  });

  test("come back as freeform calls with the raw text, streamed and whole", () => {
    const adapted = adapt(request([applyPatch]));
    const expected = {
      kind: "toolCall",
      id: "c1",
      name: "apply_patch",
      arguments: 'a "b"\n',
      isFreeform: true,
    };
    expect(restoreStream(adapted, "apply_patch", ['{"inp', 'ut":"a \\"b', '\\"\\n"}'])).toEqual(
      expected as never,
    );
    const whole = adapted.restoreReply({
      parts: [
        { kind: "toolCall", id: "c1", name: "apply_patch", arguments: '{"input":"a \\"b\\"\\n"}' },
      ],
      stop: "tool_use",
    });
    expect(whole.parts[0]).toEqual(expected as never);
  });

  test("in history are wrapped the same way", () => {
    const history = request([applyPatch], {
      turns: [
        {
          role: "assistant",
          parts: [
            { kind: "toolCall", id: "c", name: "apply_patch", arguments: "raw", isFreeform: true },
          ],
        },
        { role: "user", parts: [{ kind: "toolResult", id: "c", parts: [], isFreeform: true }] },
      ],
    });
    const { turns } = adapt(history).request;
    expect(turns[0]?.parts[0]).toEqual({
      kind: "toolCall",
      id: "c",
      name: "apply_patch",
      arguments: '{"input":"raw"}',
    });
    expect(turns[1]?.parts[0]).toEqual({ kind: "toolResult", id: "c", parts: [] });
  });

  test("lose their namespace where the upstream has freeform tools but no namespaces", () => {
    const { request: sent } = adapt(request([{ ...applyPatch, namespace: "exec" }]), "chat");
    expect(sent.tools[0]).toEqual({ ...applyPatch, name: "exec__apply_patch" });
  });

  test("stay as they are for an upstream that has them", () => {
    const { request: sent } = adapt(request([applyPatch]), "responses");
    expect(sent.tools[0]).toEqual(applyPatch);
  });
});

describe("names", () => {
  const spaced: Tool = { kind: "function", name: "spawn", namespace: "multi agent", schema };

  test("a namespace is flattened, made legal, and restored", () => {
    const adapted = adapt(request([spaced]));
    const name = adapted.request.tools[0]?.kind === "function" ? adapted.request.tools[0].name : "";
    expect(name).toMatch(/^multi_agent__spawn_[0-9a-f]{8}$/);
    expect(restoreStream(adapted, name, ["{}"])).toEqual({
      kind: "toolCall",
      id: "c1",
      name: "spawn",
      namespace: "multi agent",
      arguments: "{}",
    });
  });

  test("a long name is shortened the same way each time, in tools, choice and history", () => {
    const name = "x".repeat(80);
    const tool: Tool = { kind: "function", name, schema };
    const { request: sent } = adapt(
      request([tool], {
        toolChoice: { mode: "tool", name },
        turns: [
          { role: "assistant", parts: [{ kind: "toolCall", id: "c", name, arguments: "{}" }] },
        ],
      }),
    );
    const short = sent.tools[0]?.kind === "function" ? sent.tools[0].name : "";
    expect(short).toHaveLength(64);
    expect(sent.toolChoice).toEqual({ mode: "tool", name: short });
    expect(sent.turns[0]?.parts[0]).toMatchObject({ name: short });
  });

  test.each(["chat", "messages", "responses"] as const)(
    "come back as the caller wrote them from %s",
    (format) => {
      const adapted = adapt(request([{ kind: "function", name: "my.tool", schema }]), format);
      const sent = adapted.request.tools[0];
      const name = sent?.kind === "function" ? sent.name : "";
      expect(name).toMatch(/^my_tool_[0-9a-f]{8}$/);
      expect(restoreStream(adapted, name, ["{}"])).toMatchObject({ name: "my.tool" });
    },
  );

  test("two tools that would share a name are refused", () => {
    const twins: Tool[] = [
      { kind: "function", name: "a__b", schema },
      { kind: "function", name: "b", namespace: "a", schema, path: "tools[1]" },
    ];
    expect(() => adapt(request(twins))).toThrow('named "a__b"');
  });

  test("legal tools cost nothing: events pass through untouched", () => {
    const emit = () => undefined;
    expect(adapt(request([{ kind: "function", name: "f", schema }])).restoreEvents(emit)).toBe(
      emit,
    );
  });
});

describe("hosted tools of another dialect", () => {
  const search: Tool = {
    kind: "hosted",
    format: "responses",
    type: "web_search",
    raw: {},
    path: "tools[0]",
  };

  test("that search are dropped and named", () => {
    const { request: sent, losses } = adapt(
      request([search], { toolChoice: { mode: "required" } }),
    );
    expect(sent.tools).toEqual([]);
    expect(sent.toolChoice).toBeUndefined();
    expect(losses.toString()).toContain("tools[0]=web_search");
  });

  test("that were dropped are not asked for by choice", () => {
    const kept: Tool = { kind: "function", name: "a", schema };
    const named = adapt(
      request([kept, search], { toolChoice: { mode: "tool", name: "web_search" } }),
    );
    expect(named.request.toolChoice).toBeUndefined();
    expect(named.losses.toString()).toContain("tool_choice");
    const names = ["a", "web_search"];
    const allowed = adapt(
      request([kept, search], { toolChoice: { mode: "allowed", names, isRequired: true } }),
    );
    expect(allowed.request.toolChoice).toEqual({ mode: "allowed", names: ["a"], isRequired: true });
  });

  test("that do more are refused with their path", () => {
    const shell: Tool = { ...search, type: "shell" };
    expect(() => adapt(request([shell]))).toThrow("tools[0]");
  });

  test("of the upstream's own dialect are kept", () => {
    expect(adapt(request([search]), "responses").request.tools).toEqual([search]);
  });
});
