// What every upstream must declare; the list is walked, so a new one is tested by its line.

import { describe, expect, test } from "bun:test";
import { formats } from "../formats/index.ts";
import { builtInProviders } from "./index.ts";
import { describeProvider, ProviderConfigError } from "./operator.ts";
import { upstreamUrl, type Provider } from "./provider.ts";

const list: readonly Provider[] = builtInProviders;

describe.each(list.map((provider) => [provider.id, provider] as const))("%s", (_id, provider) => {
  test("has an id of its own that can stand before a slash", () => {
    expect(provider.id).toMatch(/^[a-z0-9][a-z0-9-]*$/);
    expect(list.filter(({ id }) => id === provider.id)).toHaveLength(1);
  });

  test("speaks dialects that exist, at an address that fits them", () => {
    for (const format of provider.formats) {
      expect(formats[format]).toBeDefined();
      const url = new URL(upstreamUrl(provider.baseUrl, format));
      expect(url.protocol).toMatch(provider.answer ? /^http/ : /^https:$/);
      expect(url.pathname).toEndWith(
        { chat: "/chat/completions", responses: "/responses", messages: "/v1/messages" }[format],
      );
    }
  });

  test("shows a key in one header, and only if it needs one", () => {
    const shown = Object.values(provider.authorize("canary", provider.formats[0])).join();
    expect(shown.includes("canary")).toBe(provider.needsKey);
  });

  test("lists each model once", () => {
    const ids = provider.models.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
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

  test("shows its key as its dialect does", () => {
    const make = (api: "messages" | "chat") =>
      describeProvider("lab", { api, baseUrl: "http://h" }, undefined);
    expect(make("messages").authorize("k", "messages")).toEqual({ "x-api-key": "k" });
    expect(make("chat").authorize("k", "chat")).toEqual({ authorization: "Bearer k" });
  });
});

test("a base URL works with and without a slash at its end, and with /v1 for messages", () => {
  expect(upstreamUrl("http://h/v1/", "chat")).toBe("http://h/v1/chat/completions");
  expect(upstreamUrl("http://h", "messages")).toBe("http://h/v1/messages");
  expect(upstreamUrl("http://h/v1/", "messages")).toBe("http://h/v1/messages");
});
