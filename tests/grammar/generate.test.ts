// The request checker against requests written by hand: a clean one passes, and each departure is found by its
// rule. Then the reader of answers.

import { describe, expect, test } from "bun:test";
import { readGenerateBody, readGenerateStream } from "./generate-outcome.ts";
import { checkGenerateRequest } from "./generate-request.ts";

const hi = { role: "user", parts: [{ text: "hi" }] };
const call = { functionCall: { id: "1", name: "f", args: {} }, thoughtSignature: "AAAA" };
const answer = { functionResponse: { id: "1", name: "f", response: { output: "x" } } };
const f = { name: "f", parametersJsonSchema: { type: "object", properties: { a: {} } } };
const clean = {
  systemInstruction: { parts: [{ text: "be brief" }] },
  contents: [hi, { role: "model", parts: [call] }, { role: "user", parts: [answer] }],
  tools: [{ functionDeclarations: [f] }],
  toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f"] } },
  generationConfig: { maxOutputTokens: 9, thinkingConfig: { thinkingLevel: "low" } },
};
const rulesOf = (changes: object) =>
  checkGenerateRequest({ ...clean, ...changes }).map(({ rule }) => rule);
const withSchema = (schema: object) => ({
  tools: [
    { functionDeclarations: [{ ...f, parametersJsonSchema: { type: "object", ...schema } }] },
  ],
});
const answeredBy = (...parts: object[]) => ({
  contents: [hi, { role: "model", parts: [call] }, { role: "user", parts }],
});

describe("requests", () => {
  test("a clean one passes", () => {
    expect(checkGenerateRequest(clean)).toEqual([]);
  });

  test.each([
    ["an unknown field", { model: "m" }, "unknown-field"],
    ["two user contents in a row", { contents: [hi, hi] }, "roles"],
    [
      "an answer at the end",
      { contents: [hi, { role: "model", parts: [{ text: "a" }] }] },
      "roles",
    ],
    ["no contents", { contents: [] }, "roles"],
    ["no parts", { contents: [{ role: "user", parts: [] }] }, "parts"],
    [
      "a part of two kinds",
      { contents: [{ role: "user", parts: [{ ...answer, text: "a" }] }] },
      "one-of",
    ],
    ["an empty text", { contents: [{ role: "user", parts: [{ text: "" }] }] }, "empty-text"],
    ["a signature of the user's", answeredBy({ ...answer, thoughtSignature: "AAAA" }), "signature"],
    ["a call without its response", answeredBy({ text: "a" }), "answers"],
    ["a response after other parts", answeredBy({ text: "a" }, answer), "answers"],
    [
      "a response under another id",
      answeredBy({ functionResponse: { ...answer.functionResponse, id: "2" } }),
      "answers",
    ],
    [
      "a GIF",
      {
        contents: [
          { role: "user", parts: [{ inlineData: { mimeType: "image/gif", data: "AAAA" } }] },
        ],
      },
      "media",
    ],
    ["two tools of one name", { tools: [{ functionDeclarations: [f, f] }] }, "tools"],
    ["a keyword that is not taken", withSchema({ properties: { a: { pattern: "x" } } }), "schema"],
    [
      "a reference into nothing",
      withSchema({ properties: { a: { $ref: "#/$defs/B" } } }),
      "schema",
    ],
    [
      "a choice of no tool",
      { toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["g"] } } },
      "tool-config",
    ],
    ["an unknown setting", { generationConfig: { n: 2 } }, "config"],
    [
      "a budget and a level",
      { generationConfig: { thinkingConfig: { thinkingBudget: 1, thinkingLevel: "low" } } },
      "config",
    ],
  ])("%s is found", (_title, changes, rule) => {
    expect(rulesOf(changes)).toContain(rule);
  });
});

describe("answers", () => {
  const chunk = (part: object, rest: object = {}) => ({
    candidates: [{ content: { parts: [part] }, ...rest }],
  });
  const stream = (...chunks: object[]) =>
    readGenerateStream(chunks.map((each) => `data: ${JSON.stringify(each)}\r\n\r\n`).join(""));

  test("a stream and a list of its chunks read the same", () => {
    const chunks = [
      chunk({ text: "hm", thought: true }),
      chunk({ text: "a" }),
      chunk(
        { functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: "S" },
        { finishReason: "STOP" },
      ),
    ];
    expect(stream(...chunks)).toEqual(readGenerateBody(chunks));
    expect(stream(...chunks)).toMatchObject({
      text: "a",
      thinking: "hm",
      opaque: ["S"],
      toolCalls: [{ name: "f", arguments: '{"a":1}' }],
      stop: "tool_use",
    });
  });

  test("without a reason it was cut off, and an unknown one is no answer", () => {
    expect(stream(chunk({ text: "a" })).error).toBeDefined();
    expect(stream(chunk({ text: "a" }, { finishReason: "OTHER" })).stop).toBeUndefined();
  });
});
