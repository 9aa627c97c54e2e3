// Where calls to Bedrock go, whatever form of its address the operator copied, and which model speaks what.

import { expect, test } from "bun:test";
import type { FormatId } from "#wire";
import { bedrock } from "./bedrock.ts";
import { endpointUrl } from "./endpoint-url.ts";
import { callUrl } from "./provider.ts";

const MANTLE = "https://bedrock-mantle.eu-west-1.api.aws";
const RUNTIME = "https://bedrock-runtime.eu-west-1.amazonaws.com";
const urlOf = (baseUrl: string, format: FormatId) =>
  callUrl({ ...bedrock, baseUrl }, { format, model: "m", isStream: true });

test.each([MANTLE, `${MANTLE}/`, `${MANTLE}/v1`, `${MANTLE}/anthropic`, `${MANTLE}/anthropic/v1/`])(
  "%s is the address of all its dialects",
  (baseUrl) => {
    expect(urlOf(baseUrl, "messages")).toBe(`${MANTLE}/anthropic/v1/messages`);
    expect(urlOf(baseUrl, "responses")).toBe(`${MANTLE}/v1/responses`);
    expect(urlOf(baseUrl, "chat")).toBe(`${MANTLE}/v1/chat/completions`);
  },
);

test("the runtime has OpenAI's dialects under a path of their own, and so may an operator", () => {
  expect(urlOf(RUNTIME, "messages")).toBe(`${RUNTIME}/anthropic/v1/messages`);
  expect(urlOf(RUNTIME, "chat")).toBe(`${RUNTIME}/openai/v1/chat/completions`);
  expect(urlOf(`${MANTLE}/openai/v1`, "responses")).toBe(`${MANTLE}/openai/v1/responses`);
  expect(urlOf(`${MANTLE}/openai/v1`, "messages")).toBe(`${MANTLE}/anthropic/v1/messages`);
});

test("a path before it, as a proxy has, stays", () => {
  expect(urlOf("http://h/aws", "messages")).toBe("http://h/aws/anthropic/v1/messages");
  expect(urlOf("http://h/aws/", "chat")).toBe("http://h/aws/v1/chat/completions");
});

const SPOKEN: readonly (readonly [model: string, ...formats: FormatId[]])[] = [
  ["anthropic.claude-sonnet-5-5", "messages"],
  ["global.anthropic.claude-sonnet-5-5", "messages"],
  ["openai.gpt-oss-120b", "responses", "chat"],
  ["us.openai.gpt-5.5", "responses", "chat"],
  ["mistral.voxtral-mini-3b-2507", "chat"],
  ["qwen.anthropic-like", "chat"],
];

test.each(SPOKEN)("%s speaks %s", (model, ...formats) => {
  expect<readonly FormatId[] | undefined>(bedrock.formatsOf?.(model)).toEqual(formats);
});

test("counts lie beside Claude's answers", () => {
  const provider = { ...bedrock, baseUrl: MANTLE };
  expect(endpointUrl(provider, "count_tokens", "anthropic.claude")).toBe(
    `${MANTLE}/anthropic/v1/messages/count_tokens`,
  );
});
