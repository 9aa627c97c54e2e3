// The simulator's Gemini: what it reads of a request, and that it notices a signature that was altered on its way.

import { expect, test } from "bun:test";
import { isJsonObject, parseJson, type JsonObject } from "#wire";
import { answerAs } from "./transport.ts";

const tools = [{ functionDeclarations: [{ name: "get_weather", parametersJsonSchema: {} }] }];
const question = { role: "user", parts: [{ text: "Hello" }] };

async function ask(body: JsonObject, method = "generateContent") {
  const url = `http://simulator.invalid/v1beta/models/tool:${method}`;
  const request = {
    url,
    method: "POST",
    headers: {},
    body: JSON.stringify(body),
    signal: new AbortController().signal,
    attempts: 1,
    headersTimeoutMs: 1_000,
    idleTimeoutMs: 1_000,
  };
  const answer = await answerAs(request, "generate");
  return { status: answer.status, text: new TextDecoder().decode(await answer.bytes()) };
}

function partsOf(text: string): JsonObject[] {
  const body = parseJson(text);
  if (!isJsonObject(body) || !Array.isArray(body["candidates"])) throw new Error(text);
  const [candidate] = body["candidates"];
  const content = isJsonObject(candidate) ? candidate["content"] : undefined;
  const parts = isJsonObject(content) ? content["parts"] : undefined;
  return Array.isArray(parts) ? parts.filter(isJsonObject) : [];
}

test("a call is signed; with its signature, or without any, the conversation goes on", async () => {
  const { text } = await ask({ contents: [question], tools });
  const call = partsOf(text).find((part) => part["functionCall"] !== undefined);
  if (!call) throw new Error(`no call in ${text}`);
  const { functionCall, thoughtSignature } = call;
  expect(thoughtSignature).toBeString();
  const response = { name: "get_weather", response: { output: "sunny" } };
  const results = { role: "user", parts: [{ functionResponse: response }] };
  const goOn = (part: JsonObject) =>
    ask({ contents: [question, { role: "model", parts: [part] }, results], tools });

  for (const part of [call, { functionCall: functionCall ?? null }]) {
    const answer = await goOn(part);
    expect(answer.status).toBe(200);
    expect(partsOf(answer.text)).toEqual([{ text: "The tools have answered." }]);
  }
  const altered = await goOn({ ...call, thoughtSignature: `${String(thoughtSignature)}=` });
  expect(altered.status).toBe(400);
  expect(altered.text).toContain("INVALID_ARGUMENT");
});

test("a stream is chunks, the last of which says why it ended and what it cost", async () => {
  const { text } = await ask({ contents: [question], tools }, "streamGenerateContent?alt=sse");
  const chunks = text.split("\r\n\r\n").filter((chunk) => chunk !== "");
  expect(chunks.every((chunk) => chunk.startsWith("data: {"))).toBe(true);
  expect(chunks.at(-1)).toContain('"finishReason":"STOP"');
  expect(chunks.at(-1)).toContain('"promptTokenCount"');
  expect(chunks.filter((chunk) => chunk.includes("functionCall"))).toHaveLength(1);
});
