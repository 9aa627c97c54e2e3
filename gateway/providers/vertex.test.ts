// Where calls to a project of Vertex AI go, and which model speaks what.

import { expect, test } from "bun:test";
import type { FormatId } from "#wire";
import { endpointUrl } from "./endpoint-url.ts";
import { describeProvider } from "./operator.ts";
import { callUrl } from "./provider.ts";
import { vertex } from "./vertex.ts";

const ROOT = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5";
const provider = { ...vertex, baseUrl: ROOT };
const urlOf = (format: FormatId, model: string, isStream = false) =>
  callUrl(provider, { format, model, isStream });

test("Claude is a raw prediction of its publisher's, Gemini speaks its own dialect, others Chat", () => {
  const claude = "claude-sonnet-4-5@20250929";
  const publishers = `${ROOT}/publishers`;
  expect(urlOf("messages", claude)).toBe(`${publishers}/anthropic/models/${claude}:rawPredict`);
  expect(urlOf("messages", claude, true)).toEndWith(`${claude}:streamRawPredict`);
  const gemini = `${publishers}/google/models/gemini-3-pro-preview`;
  expect(urlOf("generate", "gemini-3-pro-preview")).toBe(`${gemini}:generateContent`);
  expect(urlOf("generate", "gemini-3-pro-preview", true)).toBe(
    `${gemini}:streamGenerateContent?alt=sse`,
  );
  expect(urlOf("chat", "meta/llama-4")).toBe(`${ROOT}/endpoints/openapi/chat/completions`);
  expect(vertex.formatsOf?.(claude)).toEqual(["messages"]);
  expect(vertex.formatsOf?.("gemini-3-pro-preview")).toEqual(["generate"]);
  expect(vertex.formatsOf?.("meta/llama-4")).toEqual(["chat"]);
});

test("a model id cannot leave its place in a path", () => {
  expect(urlOf("generate", "../x?key=1#")).toBe(
    `${ROOT}/publishers/google/models/..%2Fx%3Fkey%3D1%23:generateContent`,
  );
});

test("Claude is counted by a model made for it, Gemini beside its answers", () => {
  expect(endpointUrl(provider, "count_tokens", "claude-x")).toBe(
    `${ROOT}/publishers/anthropic/models/count-tokens:rawPredict`,
  );
  expect(endpointUrl(provider, "count_tokens", "gemini-x", "generate")).toBe(
    `${ROOT}/publishers/google/models/gemini-x:countTokens`,
  );
});

test("an address without project and location is refused with an example", () => {
  const describe = (baseUrl: string) => describeProvider("vertex", { baseUrl }, vertex);
  expect(describe(`${ROOT}/`).baseUrl).toBe(`${ROOT}/`);
  for (const wrong of ["https://aiplatform.googleapis.com/v1", `${ROOT}/publishers`]) {
    expect(() => describe(wrong)).toThrow("projects/PROJECT/locations");
  }
});
