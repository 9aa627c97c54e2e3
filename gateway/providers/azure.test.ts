// Where calls to an Azure resource go, whatever form of its address the operator copied.

import { expect, test } from "bun:test";
import { azure, DEFAULT_API_VERSION } from "./azure.ts";
import { endpointUrl } from "./endpoint-url.ts";
import { callUrl } from "./provider.ts";

const RESOURCE = "https://team.openai.azure.com";
const urlOf = (baseUrl: string, format: "chat" | "responses", model = "my gpt") =>
  callUrl({ ...azure, baseUrl }, { format, model, isStream: false });

test.each([RESOURCE, `${RESOURCE}/`, `${RESOURCE}/openai`, `${RESOURCE}/openai/`])(
  "%s: chat names the deployment in its path, responses in its body",
  (baseUrl) => {
    const query = `?api-version=${DEFAULT_API_VERSION}`;
    expect(urlOf(baseUrl, "chat")).toBe(
      `${RESOURCE}/openai/deployments/my%20gpt/chat/completions${query}`,
    );
    expect(urlOf(baseUrl, "responses")).toBe(`${RESOURCE}/openai/responses${query}`);
  },
);

test("embeddings are a deployment's too", () => {
  const provider = { ...azure, baseUrl: RESOURCE };
  expect(endpointUrl(provider, "embeddings", "embed")).toBe(
    `${RESOURCE}/openai/deployments/embed/embeddings?api-version=${DEFAULT_API_VERSION}`,
  );
});

test("an api-version of the operator's own stays", () => {
  const baseUrl = `${RESOURCE}/?api-version=2024-10-21`;
  expect(urlOf(baseUrl, "chat", "m")).toBe(
    `${RESOURCE}/openai/deployments/m/chat/completions?api-version=2024-10-21`,
  );
});

test("an address with a deployment keeps it for chat, and leaves it out for responses", () => {
  const baseUrl = `${RESOURCE}/openai/deployments/fixed?api-version=v`;
  expect(urlOf(baseUrl, "chat")).toBe(
    `${RESOURCE}/openai/deployments/fixed/chat/completions?api-version=v`,
  );
  expect(urlOf(baseUrl, "responses")).toBe(`${RESOURCE}/openai/responses?api-version=v`);
});

test("the v1 surface has neither deployments nor versions", () => {
  expect(urlOf(`${RESOURCE}/openai/v1/`, "chat")).toBe(`${RESOURCE}/openai/v1/chat/completions`);
  expect(urlOf(`${RESOURCE}/openai/v1`, "responses")).toBe(`${RESOURCE}/openai/v1/responses`);
});
