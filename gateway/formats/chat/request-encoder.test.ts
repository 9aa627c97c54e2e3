// Request bodies for Chat upstreams, from conversations that came from other dialects.

import { describe, expect, test } from "bun:test";
import type { ConversationRequest, Part, ToolResultPart, Turn } from "#wire";
import { GatewayError } from "../../errors.ts";
import type { Quirks } from "../format.ts";
import { Losses } from "../losses.ts";
import { encodeRequest } from "./request-encoder.ts";

const text = (value: string) => ({ kind: "text", text: value }) as const;
const call = (id: string) => ({ kind: "toolCall", id, name: "f", arguments: '{"n":1}' }) as const;
const result = (id: string, parts: ToolResultPart["parts"]) =>
  ({ kind: "toolResult", id, parts }) as const;
const user = (...parts: Part[]): Turn => ({ role: "user", parts });
const assistant = (...parts: Part[]): Turn => ({ role: "assistant", parts });

function encode(
  request: Partial<ConversationRequest>,
  { quirks = {}, losses = new Losses() }: { quirks?: Quirks; losses?: Losses } = {},
) {
  const whole: ConversationRequest = {
    model: "alias",
    isStream: false,
    instructions: [],
    turns: [user(text("hi"))],
    tools: [],
    paths: {},
    ...request,
  };
  return encodeRequest(whole, { provider: "p", model: "up", quirks, losses });
}

function messages(turns: Turn[], options?: Parameters<typeof encode>[1]) {
  return encode({ turns }, options)["messages"];
}

function refusedAt(request: Partial<ConversationRequest>): string | undefined {
  try {
    encode(request);
  } catch (error) {
    if (error instanceof GatewayError) return error.failure.param;
    throw error;
  }
  throw new Error("was accepted");
}

describe("order", () => {
  test("results come directly after the calls, in order, before any text or system turn", () => {
    const turns = [
      assistant(call("a")),
      assistant(call("b")),
      { role: "system", parts: [text("note")] } as const,
      user(text("and?"), result("a", [text("1")]), result("b", [text("2")])),
    ];
    expect(messages(turns)).toMatchObject([
      { role: "assistant", content: null, tool_calls: [{ id: "a" }, { id: "b" }] },
      { role: "tool", tool_call_id: "a", content: "1" },
      { role: "tool", tool_call_id: "b", content: "2" },
      { role: "developer", content: "note" },
      { role: "user", content: "and?" },
    ]);
  });

  test("images of results follow the whole run of tool messages", () => {
    const image = { kind: "image", source: { from: "url", url: "https://a.test/i.png" } } as const;
    const losses = new Losses();
    const turns = [
      assistant(call("a"), call("b")),
      user(result("a", [image]), result("b", [text("2")])),
    ];
    const [, first, second, media] = messages(turns, { losses }) as {
      role: string;
      content: unknown;
    }[];
    expect([first?.role, second?.role, media?.role]).toEqual(["tool", "tool", "user"]);
    expect(first?.content).toContain("[image 1 of the tool results]");
    expect(media?.content).toMatchObject([{ type: "text" }, { type: "image_url" }]);
    expect(losses.isEmpty).toBeFalse();
  });

  test("a failed result says so in words", () => {
    const failed = { ...result("a", [text("boom")]), isError: true };
    expect(messages([assistant(call("a")), user(failed)])).toMatchObject([
      {},
      { role: "tool", content: "[tool error] boom" },
    ]);
  });

  test("ids a host might refuse map alike in call and result", () => {
    const id = `functions.Bash:0-${"x".repeat(60)}`;
    const [first, second] = messages([assistant(call(id)), user(result(id, []))]) as [
      { tool_calls: { id: string }[] },
      { tool_call_id: string },
    ];
    expect(first.tool_calls[0]?.id).toBe(second.tool_call_id);
    expect(second.tool_call_id).toMatch(/^[\w-]{1,40}$/);
  });
});

describe("instructions", () => {
  test("keep their boundaries in one system message, without the billing header", () => {
    const instructions = [text("x-anthropic-billing-header: v=1"), text("a"), text("b")];
    expect(encode({ instructions })["messages"]).toMatchObject([
      { role: "system", content: [{ text: "a" }, { text: "b" }] },
      { role: "user" },
    ]);
  });

  test("a mid-conversation system turn is system where developer is unknown", () => {
    const turns = [user(text("x")), { role: "system", parts: [text("note")] } as const];
    const sent = messages(turns, { quirks: { hasNoDeveloperRole: true } });
    expect(sent).toMatchObject([{ role: "user" }, { role: "system", content: "note" }]);
  });
});

describe("reasoning", () => {
  const thinking = { kind: "thinking", text: "hm" } as const;

  test("foreign thinking never becomes visible text", () => {
    const carrier = { format: "messages", kind: "signature", data: "S" } as const;
    const sent = messages([user(text("x")), assistant({ ...thinking, carrier }, text("ok"))]);
    expect(JSON.stringify(sent)).not.toContain("hm");
    expect(JSON.stringify(sent)).not.toContain('"S"');
  });

  test("reasoning_content goes back to hosts that demand it", () => {
    const quirks = { wantsReasoningContent: true };
    const sent = messages([assistant(thinking, call("a")), user(result("a", []))], { quirks });
    expect(sent).toMatchObject([{ reasoning_content: "hm" }, { role: "tool" }]);
    const bare = messages([assistant(call("a")), user(result("a", []))], { quirks });
    expect(bare).toMatchObject([{ reasoning_content: "" }, { role: "tool" }]);
  });

  test("native details go back to the provider that made them, and to no other", () => {
    const data = '[{"type":"reasoning.encrypted","data":"zz"}]';
    const by = (provider: string) =>
      ({ kind: "redacted", carrier: { format: "chat", kind: "details", data, provider } }) as const;
    expect(messages([assistant(by("p"), text("x"))])).toMatchObject([
      { reasoning_details: [{ data: "zz" }] },
    ]);
    expect(JSON.stringify(messages([assistant(by("q"), text("x"))]))).not.toContain("zz");
  });
});

describe("parameters", () => {
  test("the limit has the host's own name and the model's own bound", () => {
    expect(encode({ maxOutputTokens: 9 })).toMatchObject({ max_completion_tokens: 9 });
    const legacy = encode({ maxOutputTokens: 9 }, { quirks: { hasLegacyMaxTokens: true } });
    expect(legacy).toMatchObject({ max_tokens: 9 });
    expect(legacy).not.toHaveProperty("max_completion_tokens");
  });

  test("nothing the caller did not say is sent", () => {
    expect(encode({})).toEqual({ model: "up", messages: [{ role: "user", content: "hi" }] });
    expect(encode({ isStream: true })).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test("a stream is asked for without padding where the host would pad it", () => {
    const options = (quirks: Quirks) => encode({ isStream: true }, { quirks })["stream_options"];
    expect(options({ padsStreams: true })).toEqual({
      include_usage: true,
      include_obfuscation: false,
    });
    expect(options({})).toEqual({ include_usage: true });
  });

  test("a tool choice without tools is dropped, and so is the parallel flag", () => {
    const body = encode({ toolChoice: { mode: "required" }, parallelToolCalls: false });
    expect(Object.keys(body)).toEqual(["model", "messages"]);
  });

  test("a restricted choice filters the list where allowed_tools is unknown", () => {
    const tool = (name: string) => ({ kind: "function", name, schema: {} }) as const;
    const request: Partial<ConversationRequest> = {
      tools: [tool("f"), tool("g")],
      toolChoice: { mode: "allowed", names: ["g"], isRequired: true },
    };
    expect(encode(request)["tool_choice"]).toMatchObject({ type: "allowed_tools" });
    const filtered = encode(request, { quirks: { hasNoFreeformTools: true } });
    expect(filtered).toMatchObject({
      tool_choice: "required",
      tools: [{ function: { name: "g" } }],
    });
  });

  test("what Chat cannot say is refused at the caller's path", () => {
    expect(refusedAt({ stop: ["1", "2", "3", "4", "5"], paths: { stop: "stop_sequences" } })).toBe(
      "stop_sequences",
    );
    expect(refusedAt({ topLogprobs: 2 })).toBe("top_logprobs");
    const cited = {
      kind: "document",
      source: { from: "text", text: "x" },
      citations: true,
      path: "messages[0].content[0]",
    } as const;
    expect(refusedAt({ turns: [user(cited)] })).toBe("messages[0].content[0].citations");
    const hosted = {
      kind: "hosted",
      format: "messages",
      type: "bash",
      raw: {},
      path: "tools[0]",
    } as const;
    expect(refusedAt({ tools: [hosted] })).toBe("tools[0]");
    const file = { from: "file", fileId: "f", format: "messages" } as const;
    expect(refusedAt({ turns: [user({ kind: "image", source: file, path: "here" })] })).toBe(
      "here",
    );
  });

  test("a thinking budget becomes the nearest effort, and says so", () => {
    const losses = new Losses();
    expect(encode({ reasoning: { budgetTokens: 20_000 } }, { losses })).toMatchObject({
      reasoning_effort: "high",
    });
    expect(losses.isEmpty).toBeFalse();
  });

  test("a wish not to think, which few hosts have a word for, is named as lost", () => {
    const losses = new Losses();
    const request = { reasoning: { isDisabled: true }, paths: { reasoning: "thinking" } };
    expect(Object.keys(encode(request, { losses }))).toEqual(["model", "messages"]);
    expect(losses.toString()).toStartWith("thinking=");
  });

  test("the same request gives the same bytes", () => {
    const request = { temperature: 0.5, instructions: [text("a")], user: "u", seed: 1 };
    expect(JSON.stringify(encode(request))).toBe(JSON.stringify(encode(request)));
  });
});
