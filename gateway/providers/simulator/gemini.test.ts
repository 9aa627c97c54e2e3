// The simulator's Gemini: what it reads of a request, and that it notices a signature that was lost on its way.

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

test("a call is signed, and the conversation goes on with that signature only", async () => {
  const { text } = await ask({ contents: [question], tools });
  const call = partsOf(text).find((part) => part["functionCall"] !== undefined);
  if (!call) throw new Error(`no call in ${text}`);
  const { functionCall = null, thoughtSignature } = call;
  expect(thoughtSignature).toBeString();
  const response = { name: "get_weather", response: { output: "sunny" } };
  const results = { role: "user", parts: [{ functionResponse: response }] };
  const goOn = (part: JsonObject) =>
    ask({ contents: [question, { role: "model", parts: [part] }, results], tools });

  const answer = await goOn(call);
  expect(answer.status).toBe(200);
  expect(partsOf(answer.text)).toEqual([{ text: "The tools have answered." }]);
  const altered = { ...call, thoughtSignature: `${String(thoughtSignature)}=` };
  for (const part of [{ functionCall }, altered]) {
    const refused = await goOn(part);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain("INVALID_ARGUMENT");
  }
});

test("a call that another upstream made needs no signature", async () => {
  const made = { functionCall: { id: "toolu_1", name: "get_weather", args: {} } };
  const contents = [question, { role: "model", parts: [made] }, question];
  expect((await ask({ contents, tools })).status).toBe(200);
});

test("a stream is chunks, the last of which says why it ended and what it cost", async () => {
  const { text } = await ask({ contents: [question], tools }, "streamGenerateContent?alt=sse");
  const chunks = text.split("\r\n\r\n").filter((chunk) => chunk !== "");
  expect(chunks.every((chunk) => chunk.startsWith("data: {"))).toBe(true);
  expect(chunks.at(-1)).toContain('"finishReason":"STOP"');
  expect(chunks.at(-1)).toContain('"promptTokenCount"');
  expect(chunks.filter((chunk) => chunk.includes("functionCall"))).toHaveLength(1);
});
