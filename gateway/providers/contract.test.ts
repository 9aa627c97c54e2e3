// What every upstream must declare; the list is walked, so a new one is tested by its line.

import { describe, expect, test } from "bun:test";
import { isLoopback } from "#platform";
import type { Quirks } from "../formats/format.ts";
import { upstreamFormats } from "../formats/index.ts";
import { google } from "./google.ts";
import { builtInProviders } from "./index.ts";
import { describeProvider, ProviderConfig, ProviderConfigError } from "./operator.ts";
import { baseUrlFrom, baseUrlVariables, callUrl, upstreamUrl, type Provider } from "./provider.ts";
import { listProviders } from "../start.ts";

const list: readonly Provider[] = builtInProviders;

const KNOWN_QUIRKS: Readonly<Record<keyof Quirks, true>> = {
  cachesWhatIsMarked: true,
  forcesToolsUnthinking: true,
  hasBareTokenCount: true,
  hasLeadingSystemOnly: true,
  hasLegacyMaxTokens: true,
  hasNineCharToolIds: true,
  hasNoDeveloperRole: true,
  hasNoForcedTools: true,
  hasNoFreeformTools: true,
  hasNoJsonSchema: true,
  hasNoNames: true,
  hasThinkTags: true,
  padsStreams: true,
  refusedFields: true,
  seedField: true,
  thinkingField: true,
  wantsOneStrictness: true,
  wantsReasoningContent: true,
};

describe.each(list.map((provider) => [provider.id, provider] as const))("%s", (_id, provider) => {
  test("has an id of its own that can stand before a slash", () => {
    expect(provider.id).toMatch(/^[a-z0-9][a-z0-9-]*$/);
    expect(list.filter(({ id }) => id === provider.id)).toHaveLength(1);
  });

  test("speaks dialects that exist, at an address that fits them", () => {
    for (const format of provider.formats) {
      expect(upstreamFormats[format]).toBeDefined();
      const url = new URL(callUrl(provider, { format, model: "m", isStream: false }));
      const mayBeHttp = provider.answer !== undefined || isLoopback(url.hostname);
      expect(url.protocol).toMatch(mayBeHttp ? /^http/ : /^https:$/);
      expect(url.pathname).toEndWith(
        {
          chat: "/chat/completions",
          responses: "/responses",
          messages: provider.modelStandIn?.messages ? "/models/m:rawPredict" : "/v1/messages",
          generate: "/models/m:generateContent",
        }[format],
      );
    }
  });

  test("shows a key in one header, and in no other part of a call", () => {
    const headers = provider.authorize("canary", provider.formats[0]);
    const shown = Object.entries(headers).filter(([, value]) => value.includes("canary"));
    expect(shown).toHaveLength(provider.answer ? 0 : 1);
    expect(Object.keys(headers)).toEqual(Object.keys(headers).map((name) => name.toLowerCase()));
  });

  test("is served unasked only if it has an address of its own and wants a key", () => {
    if (provider.isServedWith !== undefined || provider.answer) return;
    expect(provider.needsKey).toBe(true);
    expect(isLoopback(new URL(provider.baseUrl).hostname)).toBe(false);
  });

  test("has quirks that the codecs know", () => {
    for (const name of Object.keys(provider.quirks)) expect(KNOWN_QUIRKS).toHaveProperty(name);
  });

  test("passes for no other vendor's client", () => {
    const text = JSON.stringify(provider.headers ?? {}) + provider.baseUrl;
    expect(text).not.toMatch(/vscode|copilot-chat|opencode|codex|claude-code|cursor|jetbrains/i);
  });

  test("speaks per model only what it speaks at all", () => {
    for (const id of [...provider.models.map((model) => model.id), "gpt-5-codex", "gpt-5"]) {
      for (const format of provider.formatsOf?.(id) ?? [])
        expect(provider.formats).toContain(format);
    }
  });

  test("claims bare model ids that nobody else does, its own among them", () => {
    const { modelPattern } = provider;
    if (!modelPattern) return;
    const bare = provider.models.map((model) => model.id).filter((id) => !id.includes("/"));
    for (const id of bare) {
      expect(id).toMatch(modelPattern);
      const claimants = list.filter((other) => other.modelPattern?.test(id));
      expect(claimants.map((other) => other.id)).toEqual([provider.id]);
    }
  });

  test("lists each model once, by an id that a request may hold", () => {
    const ids = provider.models.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]+$/);
  });
});

describe("an operator's provider", () => {
  test("that is new needs an api and an address, and says which is missing", () => {
    expect(() => describeProvider("lab", { api: "chat" }, undefined)).toThrow("baseUrl missing");
    expect(() => describeProvider("lab", { baseUrl: "http://h" }, undefined)).toThrow(
      "api missing",
    );
    expect(() => describeProvider("lab", {}, undefined)).toThrow(ProviderConfigError);
  });

  test("of a known id changes only what it says", () => {
    const [known] = list;
    if (!known) throw new Error("no provider");
    expect(describeProvider(known.id, { baseUrl: "http://h" }, known)).toEqual({
      ...known,
      baseUrl: "http://h",
    });
  });

  test("adds headers to a known one, and sets none that the gateway sets", () => {
    const copilot = list.find(({ id }) => id === "github-copilot");
    const described = describeProvider(
      "github-copilot",
      { headers: { "copilot-integration-id": "house" } },
      copilot,
    );
    expect(described.headers).toEqual({ ...copilot?.headers, "copilot-integration-id": "house" });
    for (const name of ["authorization", "api-key", "host", "Content-Type", "user-agent", "a b"]) {
      expect(ProviderConfig.safeParse({ headers: { [name]: "x" } }).success).toBe(false);
    }
    expect(ProviderConfig.safeParse({ headers: { "x-title": "a\r\nb" } }).success).toBe(false);
  });

  test("of a known id keeps its dialects per model only while it keeps its dialects", () => {
    const copilot = list.find(({ id }) => id === "github-copilot");
    expect(describeProvider("github-copilot", {}, copilot).formatsOf).toBeDefined();
    expect(describeProvider("github-copilot", { api: "chat" }, copilot).formatsOf).toBeUndefined();
  });

  test("shows its key as its dialect does", () => {
    const make = (api: "messages" | "chat" | "generate") =>
      describeProvider("lab", { api, baseUrl: "http://h" }, undefined);
    expect(make("messages").authorize("k", "messages")).toEqual({ "x-api-key": "k" });
    expect(make("chat").authorize("k", "chat")).toEqual({ authorization: "Bearer k" });
    expect(make("generate").authorize("k", "generate")).toEqual({ "x-goog-api-key": "k" });
  });
});

test("a base URL works with and without a slash at its end, and with a version where none is needed", () => {
  const urlOf = (baseUrl: string, format: "chat" | "messages" | "generate", isStream = false) =>
    upstreamUrl(baseUrl, { format, model: "m", isStream });
  expect(urlOf("http://h/v1/", "chat")).toBe("http://h/v1/chat/completions");
  expect(urlOf("http://h", "messages")).toBe("http://h/v1/messages");
  expect(urlOf("http://h/v1/", "messages")).toBe("http://h/v1/messages");
  expect(urlOf("http://h/", "generate")).toBe("http://h/v1beta/models/m:generateContent");
  expect(urlOf("http://h/v1beta", "generate", true)).toBe(
    "http://h/v1beta/models/m:streamGenerateContent?alt=sse",
  );
  expect(urlOf("http://h/v1", "generate")).toBe("http://h/v1/models/m:generateContent");
});

test("a model id cannot leave its place in a path", () => {
  const call = { format: "generate", model: "../x?key=1#", isStream: false } as const;
  expect(upstreamUrl("http://h", call)).toBe(
    "http://h/v1beta/models/..%2Fx%3Fkey%3D1%23:generateContent",
  );
});

test("a dialect that lies elsewhere takes its address, but not the variable of the other one", () => {
  const chat = describeProvider("google", { api: "chat" }, google);
  expect(chat.formats).toEqual(["chat"]);
  expect(chat.baseUrl).toBe("https://generativelanguage.googleapis.com/v1beta/openai");
  expect(chat.baseUrlEnv).toBeUndefined();
  expect(chat.authorize("k", "chat")).toEqual({ authorization: "Bearer k" });
  const same = describeProvider("google", { api: "generate" }, google);
  expect(same.baseUrlEnv).toBe("GOOGLE_GEMINI_BASE_URL");
  const own = describeProvider("google", { api: "chat", baseUrl: "http://h" }, google);
  expect(own.baseUrl).toBe("http://h");
});

test("a Gemini upstream cannot be asked for its models, and says so", () => {
  expect(() => describeProvider("google", { models: "discover" }, google)).toThrow(
    "name the models",
  );
  const own = { api: "generate", baseUrl: "http://h", models: "discover" } as const;
  expect(() => describeProvider("lab", own, undefined)).toThrow("name the models");
  expect(describeProvider("google", { api: "chat", models: "discover" }, google).listsModels).toBe(
    true,
  );
});

test("a variable that names a host gets what it leaves out from the provider's own address", () => {
  const { ollama, groq } = Object.fromEntries(list.map((provider) => [provider.id, provider]));
  if (!ollama || !groq) throw new Error("not listed");
  const ollamaAt = (OLLAMA_HOST: string) => baseUrlFrom(ollama, { OLLAMA_HOST });
  expect(ollamaAt("0.0.0.0")).toBe("http://127.0.0.1:11434/v1");
  expect(ollamaAt("gpu.house.example")).toBe("http://gpu.house.example:11434/v1");
  expect(ollamaAt("[::1]:9")).toBe("http://[::1]:9/v1");
  expect(ollamaAt("https://gpu.house.example")).toBe("https://gpu.house.example/v1");
  expect(ollamaAt("http://h:1/v2")).toBe("http://h:1/v2");
  expect(ollamaAt("  ")).toBeUndefined();
  const GROQ_BASE_URL = "https://api.groq.com";
  expect(baseUrlFrom(groq, { GROQ_BASE_URL })).toBe(groq.baseUrl);
});

test("a variable that holds a base URL is taken as it is", () => {
  const openai = list.find(({ id }) => id === "openai");
  const OPENAI_BASE_URL = "http://h/v1/";
  expect(openai && baseUrlFrom(openai, { OPENAI_BASE_URL })).toBe(OPENAI_BASE_URL);
});

test("of several variables for one address, the vendor's own wins", () => {
  const qwen = list.find(({ id }) => id === "qwen");
  if (!qwen) throw new Error("not listed");
  const [own, alias, other] = ["https://own/v1", "https://alias/v1", "https://other/v1"];
  const aliases = { QWEN_BASE_URL: alias, ALIBABA_BASE_URL: other };
  expect(baseUrlFrom(qwen, { ...aliases, DASHSCOPE_BASE_URL: own })).toBe(own);
  expect(baseUrlFrom(qwen, aliases)).toBe(alias);
  expect(baseUrlFrom(qwen, { QWEN_BASE_URL: " ", ALIBABA_BASE_URL: other })).toBe(other);
});

test("no two upstreams listen to one variable", () => {
  const names = list.flatMap((provider) => baseUrlVariables(provider));
  expect(new Set(names).size).toBe(names.length);
});

test("headers of the environment are sent beneath the operator's, and must be headers", () => {
  const listed = (env: Record<string, string>, headers?: Record<string, string>) =>
    listProviders({ openrouter: headers ? { headers } : {} }, env, { hasSimulator: false }).find(
      ({ id }) => id === "openrouter",
    )?.headers;
  const env = { OPENROUTER_SITE_URL: "https://house.example", OPENROUTER_APP_NAME: "House" };
  expect(listed(env)).toEqual({ "http-referer": "https://house.example", "x-title": "House" });
  expect(listed(env, { "x-title": "Ours" })).toMatchObject({ "x-title": "Ours" });
  expect(listed({})).toBeUndefined();
  expect(() => listed({ OPENROUTER_APP_NAME: "a\r\nb" })).toThrow("OPENROUTER_APP_NAME");
});
