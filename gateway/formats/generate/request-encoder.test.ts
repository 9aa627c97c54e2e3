// Canonical requests for a Gemini upstream: roles and results in the API's order, thinking in each model's words,
// wishes this dialect cannot fulfil, and schemas of which nothing is lost in silence.

import { describe, expect, test } from "bun:test";
import type { ConversationRequest, JsonObject, Part, Turn } from "#wire";
import { InvalidRequest } from "../../errors.ts";
import { Losses } from "../losses.ts";
import { makeCallId } from "./call-id.ts";
import { SKIP_SIGNATURE } from "./model-encoder.ts";
import { encodeRequest } from "./request-encoder.ts";

const user: Turn = { role: "user", parts: [{ kind: "text", text: "hi" }], path: "messages[0]" };
const call: Part = {
  kind: "toolCall",
  id: "c1",
  name: "f",
  arguments: '{"n":12345678901234567890}',
};
const second: Part = { kind: "toolCall", id: "c2", name: "g", arguments: "" };
const text = (value: string): Part => ({ kind: "text", text: value });
const result = (id: string, ...parts: { kind: "text"; text: string }[]): Part => ({
  kind: "toolResult",
  id,
  parts,
});

function encode(
  fields: Partial<ConversationRequest>,
  { model = "gemini-2.5-flash" }: { model?: string } = {},
): { body: JsonObject; losses: string } {
  const losses = new Losses();
  const request: ConversationRequest = {
    model: "alias",
    isStream: false,
    instructions: [],
    turns: [user],
    tools: [],
    paths: {},
    ...fields,
  };
  const target = { provider: "google", model, maxOutputTokens: 65_536, quirks: {}, losses };
  // As it is sent: large integers keep their digits only in the text.
  const body = JSON.stringify(encodeRequest(request, target));
  return { body: JSON.parse(body), losses: losses.toString() };
}

function turns(...list: [Turn["role"], ...Part[]][]): { turns: Turn[] } {
  return {
    turns: list.map(([role, ...parts], index) => ({ role, parts, path: `messages[${index}]` })),
  };
}

function refusal(fields: Partial<ConversationRequest>) {
  try {
    encode(fields);
  } catch (error) {
    if (error instanceof InvalidRequest) return [error.code, error.failure.param];
    throw error;
  }
  throw new Error("accepted");
}

describe("contents", () => {
  test("roles alternate, and results come first, in the order of the calls", () => {
    const { body } = encode(
      turns(
        ["user", text("go")],
        ["assistant", call],
        ["assistant", second],
        ["user", text("by the way")],
        ["user", result("c2", { kind: "text", text: "two" })],
        ["user", result("c1", { kind: "text", text: "one" }, { kind: "text", text: "more" })],
      ),
    );
    expect(body.contents).toMatchObject([
      { role: "user", parts: [{ text: "go" }] },
      {
        role: "model",
        parts: [
          { functionCall: { id: "c1", name: "f" } },
          { functionCall: { id: "c2", name: "g", args: {} } },
        ],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "c1", name: "f", response: { output: "one\nmore" } } },
          { functionResponse: { id: "c2", name: "g", response: { output: "two" } } },
          { text: "by the way" },
        ],
      },
    ]);
  });

  test("an id made by the gateway is left out again, on call and result alike", () => {
    const id = makeCallId("reply-1", 0);
    const { body } = encode(
      turns(["user", text("go")], ["assistant", { ...call, id } as Part], ["user", result(id)]),
    );
    expect(JSON.stringify(body)).not.toContain(id);
    expect(JSON.stringify(body)).not.toContain('"id"');
  });

  test("digits of large numbers survive in arguments", () => {
    const losses = new Losses();
    const request = {
      ...turns(["user", text("go")], ["assistant", call], ["user", result("c1")]),
      model: "m",
      isStream: false,
      instructions: [],
      tools: [],
      paths: {},
    };
    const target = { provider: "google", model: "gemini-2.5-pro", quirks: {}, losses };
    expect(JSON.stringify(encodeRequest(request, target))).toContain('{"n":12345678901234567890}');
  });

  test("a failed result says so, and an image in it goes where the model takes it", () => {
    const image = {
      kind: "image",
      source: { from: "base64", mediaType: "image/png", data: "AAAA" },
    } as const;
    const failed: Part = {
      kind: "toolResult",
      id: "c1",
      parts: [text("no") as never, image],
      isError: true,
    };
    const conversation = turns(["user", text("go")], ["assistant", call], ["user", failed]);
    const inlineData = { mimeType: "image/png", data: "AAAA" };
    const older = encode(conversation);
    expect(older.losses).toContain("its media follow the results");
    expect(older.body.contents).toMatchObject([
      {},
      {},
      { parts: [{ functionResponse: { response: { error: "no" } } }, { inlineData }] },
    ]);
    const newer = encode(conversation, { model: "gemini-3-pro-preview" });
    expect(newer.body.contents).toMatchObject([
      {},
      {},
      { parts: [{ functionResponse: { parts: [{ inlineData }] } }] },
    ]);
  });

  test("an answer to be continued, and one that nobody asked for, are refused with their path", () => {
    expect(refusal(turns(["user", text("go")], ["assistant", text("I")]))).toEqual([
      "prefill_not_supported",
      "messages[1]",
    ]);
    expect(refusal(turns(["assistant", text("I")], ["user", text("go")]))).toEqual([
      "invalid_value",
      "messages[0]",
    ]);
    expect(refusal(turns(["user", text("")]))).toEqual(["invalid_value", "messages[0]"]);
  });

  test("instructions in mid-conversation keep their place, and the change is named", () => {
    const { body, losses } = encode(turns(["user", text("go")], ["system", text("be brief")]));
    expect(body.contents).toEqual([
      {
        role: "user",
        parts: [{ text: "go" }, { text: "<system-reminder>\nbe brief\n</system-reminder>" }],
      },
    ]);
    expect(losses).toContain("messages[1].role=");
  });

  test("media go inline or by address; a format the API does not read is refused", () => {
    const image = (source: Extract<Part, { kind: "image" }>["source"]): Part => ({
      kind: "image",
      source,
      path: "messages[0].content[0]",
    });
    const { body } = encode(
      turns([
        "user",
        image({ from: "base64", mediaType: "image/jpg;charset=x", data: "AA\nAA" }),
        image({ from: "url", url: "https://h/a.PNG?x=1" }),
        {
          kind: "document",
          source: { from: "base64", mediaType: "application/pdf", data: "AAAA" },
        },
        { kind: "audio", mediaFormat: "wav", data: "AAAA" },
      ]),
    );
    expect(body.contents).toEqual([
      {
        role: "user",
        parts: [
          { inlineData: { mimeType: "image/jpeg", data: "AAAA" } },
          { fileData: { mimeType: "image/png", fileUri: "https://h/a.PNG?x=1" } },
          { inlineData: { mimeType: "application/pdf", data: "AAAA" } },
          { inlineData: { mimeType: "audio/wav", data: "AAAA" } },
        ],
      },
    ]);
    const param = "messages[0].content[0]";
    for (const source of [
      { from: "base64", mediaType: "image/gif", data: "AAAA" },
      { from: "base64", mediaType: "image/png", data: "not base64!" },
      { from: "url", url: "file:///etc/passwd" },
    ] as const) {
      expect(refusal(turns(["user", image(source)]))[1]).toBe(param);
    }
    const foreign = image({ from: "file", fileId: "file_1", format: "messages" });
    expect(refusal(turns(["user", foreign]))).toEqual(["unsupported_parameter", param]);
  });
});

describe("signatures", () => {
  const signed = (data: string, id?: string, provider = "google"): Part => ({
    kind: "redacted",
    carrier: {
      format: "generate",
      kind: "signature",
      data,
      provider,
      ...(id !== undefined && { id }),
    },
  });
  const partsOf = (parts: readonly Part[], model = "gemini-3-pro-preview") => {
    const results = parts.flatMap((part) => (part.kind === "toolCall" ? [result(part.id)] : []));
    const { body, losses } = encode(
      turns(["user", text("go")], ["assistant", ...parts], ["user", text("x"), ...results]),
      { model },
    );
    const model_ = (body.contents as JsonObject[])[1];
    return { parts: model_?.parts as JsonObject[], losses };
  };

  test("one that names its call goes to that call, wherever a client put it", () => {
    for (const parts of [
      [signed("S1==", "c1"), signed("S2==", "c2"), call, second],
      [call, second, signed("S2==", "c2"), signed("S1==", "c1")],
    ]) {
      expect(partsOf(parts).parts).toMatchObject([
        { functionCall: { id: "c1" }, thoughtSignature: "S1==" },
        { functionCall: { id: "c2" }, thoughtSignature: "S2==" },
      ]);
    }
  });

  test("one that names none goes to the text before it, else the next, else an empty one", () => {
    expect(partsOf([text("a"), signed("S1=="), text("b")]).parts).toEqual([
      { text: "a", thoughtSignature: "S1==" },
      { text: "b" },
    ]);
    expect(partsOf([signed("S1=="), text("a")]).parts).toEqual([
      { text: "a", thoughtSignature: "S1==" },
    ]);
    expect(partsOf([signed("S1==")]).parts).toEqual([{ text: "", thoughtSignature: "S1==" }]);
  });

  test("of another provider, or dialect, never goes out; the call is marked for models that check", () => {
    const foreign = signed("S1==", "c1", "elsewhere");
    const { parts, losses } = partsOf([foreign, call, second]);
    expect(parts).toMatchObject([{ thoughtSignature: SKIP_SIGNATURE }, {}]);
    expect(parts[1]?.thoughtSignature).toBeUndefined();
    expect(losses).toContain("left out");
    expect(partsOf([foreign, call], "gemini-2.5-pro").parts[0]?.thoughtSignature).toBeUndefined();
  });
});

describe("thinking", () => {
  const configOf = (reasoning: ConversationRequest["reasoning"], model: string) => {
    const { body, losses } = encode({ ...(reasoning && { reasoning }) }, { model });
    const config = body.generationConfig as JsonObject | undefined;
    return { config: config?.thinkingConfig, isLossy: losses !== "" };
  };

  test.each([
    ["gemini-2.5-flash", { effort: "medium" }, { thinkingBudget: 8_192 }, false],
    ["gemini-2.5-pro", { effort: "max" }, { thinkingBudget: 32_768 }, false],
    ["gemini-2.5-pro", { budgetTokens: 100_000 }, { thinkingBudget: 32_768 }, true],
    ["gemini-2.5-flash", { isDisabled: true }, { thinkingBudget: 0 }, false],
    ["gemini-2.5-pro", { effort: "none" }, { thinkingBudget: 128 }, true],
    ["gemini-3-flash-preview", { effort: "minimal" }, { thinkingLevel: "minimal" }, false],
    ["gemini-3-pro-preview", { effort: "medium" }, { thinkingLevel: "high" }, true],
    ["gemini-3.1-pro-preview", { effort: "medium" }, { thinkingLevel: "medium" }, false],
    ["gemini-3.1-pro-preview", { effort: "xhigh" }, { thinkingLevel: "high" }, true],
    ["gemini-3-pro-preview", { isDisabled: true }, { thinkingLevel: "low" }, true],
    ["gemini-3-flash-preview", { budgetTokens: 5_000 }, { thinkingLevel: "medium" }, true],
    ["gemini-flash-latest", { effort: "low" }, { thinkingLevel: "low" }, false],
    ["gemini-2.0-flash", { effort: "high" }, undefined, true],
    ["gemini-2.5-flash", { wantsSummary: true }, { includeThoughts: true }, false],
  ] as const)("%s, %j", (model, reasoning, config, isLossy) => {
    expect(configOf(reasoning, model)).toEqual({ config, isLossy });
  });

  test("an effort that nobody knows is refused", () => {
    expect(
      refusal({ reasoning: { effort: "huge" }, paths: { reasoning: "reasoning.effort" } }),
    ).toEqual(["unsupported_parameter", "reasoning.effort"]);
  });
});

describe("tools and parameters", () => {
  const tool = (schema: JsonObject, name = "f") => ({ kind: "function", name, schema }) as const;

  test("a choice becomes a mode, with names where they are taken", () => {
    const tools = [tool({}), tool({}, "g")];
    const configOf = (toolChoice: NonNullable<ConversationRequest["toolChoice"]>) =>
      encode({ tools, toolChoice }).body.toolConfig;
    const calling = (config: JsonObject): JsonObject => ({ functionCallingConfig: config });
    expect(configOf({ mode: "required" })).toEqual(calling({ mode: "ANY" }));
    expect(configOf({ mode: "none" })).toEqual(calling({ mode: "NONE" }));
    expect(configOf({ mode: "tool", name: "g" })).toEqual(
      calling({ mode: "ANY", allowedFunctionNames: ["g"] }),
    );
    const { body, losses } = encode({
      tools,
      toolChoice: { mode: "allowed", names: ["g"], isRequired: false },
    });
    expect(body.tools).toEqual([{ functionDeclarations: [{ name: "g" }] }]);
    expect(losses).toContain("other tools left out");
    expect(refusal({ tools, toolChoice: { mode: "tool", name: "h" } })[0]).toBe("invalid_value");
  });

  test("a schema keeps what Gemini takes, in its words, and names the rest", () => {
    const schema: JsonObject = {
      $schema: "http://json-schema.org/draft-07/schema#",
      properties: {
        a: { const: 1 },
        b: { $ref: "#/definitions/B", description: "lost" },
        c: { type: ["string", "null"], pattern: "^x", default: "x" },
        d: { allOf: [{ type: "string" }], description: "kept" },
        e: { items: [{ type: "string" }] },
        __proto__x: true,
      },
      required: ["a"],
      definitions: { B: { type: "string", minLength: 1 } },
    };
    const { body, losses } = encode({ tools: [{ ...tool(schema), path: "tools[0]" }] });
    expect(body.tools).toEqual([
      {
        functionDeclarations: [
          {
            name: "f",
            parametersJsonSchema: {
              type: "object",
              properties: {
                a: { enum: [1] },
                b: { $ref: "#/$defs/B" },
                c: { type: ["string", "null"] },
                d: { type: "string", description: "kept" },
                e: { prefixItems: [{ type: "string" }] },
                __proto__x: {},
              },
              required: ["a"],
              $defs: { B: { type: "string" } },
            },
          },
        ],
      },
    ]);
    expect(losses).toBe(
      "tools[0].parameters=without description beside $ref pattern default minLength",
    );
  });

  test("structured output becomes a schema of the answer", () => {
    const output = { kind: "json_schema", name: "n", schema: { type: "object" } } as const;
    expect(encode({ output }).body.generationConfig).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: { type: "object" },
    });
  });

  test("limits, sampling and stops cross; what would change the answer is refused", () => {
    const { body, losses } = encode({
      maxOutputTokens: 100_000,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      seed: 2 ** 40,
      presencePenalty: 0,
      frequencyPenalty: 1,
      stop: ["a", "b"],
      user: "u",
      paths: { user: "metadata.user_id" },
    });
    expect(body.generationConfig).toEqual({
      maxOutputTokens: 65_536,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      frequencyPenalty: 1,
      stopSequences: ["a", "b"],
    });
    expect(losses).toContain("metadata.user_id=");
    expect(losses).toContain("seed=above 32 bits");
    expect(losses).toContain("limited to 65536");
    for (const asked of [
      { candidates: 2 },
      { logprobs: true },
      { logitBias: { "1": 1 } },
      { stop: ["1", "2", "3", "4", "5", "6"] },
      { serviceTier: "flex" },
    ]) {
      expect(refusal(asked)[0]).toBe("unsupported_parameter");
    }
  });
});

test("an id that no other dialect accepts is mapped alike in the call and its result", () => {
  const id = "functions.Bash:0";
  const given = turns(["user", text("u")], ["assistant", { ...call, id }], ["user", result(id)]);
  const sent = JSON.stringify(encode(given).body);
  expect(sent).not.toContain(id);
  const ids = [...sent.matchAll(/"id":"([\w-]+)"/g)].map(([, each]) => each);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
});
