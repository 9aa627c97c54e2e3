// Which efforts and sampling each OpenAI model gets, and what is said where it gets another.

import { describe, expect, test } from "bun:test";
import type { ConversationRequest } from "#wire";
import { Losses } from "./losses.ts";
import { fitToModel } from "./openai-models.ts";

function fit(model: string, given: Partial<ConversationRequest>) {
  const losses = new Losses();
  const request = {
    model,
    isStream: false,
    instructions: [],
    turns: [],
    tools: [],
    paths: {},
    ...given,
  };
  const fitted = fitToModel(request, { provider: "p", model, quirks: {}, losses });
  return { ...fitted, lossy: losses.toString() };
}

const effortOf = (model: string, effort: string) => fit(model, { reasoning: { effort } });

describe("an effort that the model does not know becomes the nearest", () => {
  test.each([
    ["gpt-5", "xhigh", "high"],
    ["gpt-5", "max", "high"],
    ["gpt-5-mini-2025-08-07", "none", "minimal"],
    ["openai/gpt-oss-120b", "minimal", "low"],
    ["us.openai.gpt-oss-20b", "max", "high"],
    ["o3", "none", "low"],
    ["gpt-5-pro", "low", "high"],
    ["gpt-5.1", "minimal", "low"],
    ["gpt-5.1-2025-11-13", "xhigh", "high"],
    ["gpt-5.2", "max", "xhigh"],
  ])("%s: %s is %s", (model, asked, sent) => {
    const { reasoning, lossy } = effortOf(model, asked);
    expect(reasoning).toEqual({ effort: sent });
    expect(lossy).toStartWith("reasoning=");
  });
});

test.each([
  ["gpt-5", "minimal"],
  ["gpt-5.1", "none"],
  ["gpt-5.2", "xhigh"],
  ["gpt-5.9-next", "max"],
  ["gpt-5-chat-latest", "none"],
  ["my-deployment", "max"],
  ["gpt-5", "a-new-word"],
])("%s gets %s as it is", (model, effort) => {
  expect(effortOf(model, effort)).toMatchObject({ reasoning: { effort }, lossy: "" });
});

test("thinking that is turned off is no effort where the model knows that, else the least", () => {
  const off = { reasoning: { isDisabled: true } };
  expect(fit("gpt-5.1", off)).toMatchObject({
    reasoning: { effort: "none", isDisabled: true },
    lossy: "",
  });
  const least = fit("gpt-5", off);
  expect(least.reasoning).toEqual({ effort: "minimal" });
  expect(least.lossy).toContain("always thinks");
  expect(fit("unknown", off).reasoning).toEqual({ isDisabled: true });
});

describe("temperature and top_p", () => {
  const sampling = { temperature: 0.5, topP: 0.9, paths: { topP: "top_p" } };

  test.each(["gpt-5", "o4-mini", "gpt-5-codex", "openrouter/openai/gpt-5-nano"])(
    "%s takes none, and that is named",
    (model) => {
      const fitted = fit(model, sampling);
      expect([fitted.temperature, fitted.topP]).toEqual([undefined, undefined]);
      expect(fitted.lossy).toBe("temperature=the model takes none, top_p=the model takes none");
    },
  );

  test("GPT-5.1 and 5.2 take them unless they are to think", () => {
    expect(fit("gpt-5.1", sampling)).toMatchObject({ temperature: 0.5, topP: 0.9, lossy: "" });
    const thinking = fit("gpt-5.2", { ...sampling, reasoning: { effort: "low" } });
    expect(thinking.temperature).toBeUndefined();
  });

  test.each(["gpt-4o", "gpt-oss-120b", "gpt-6", "o"])("%s gets them", (model) => {
    expect(fit(model, sampling)).toMatchObject({ temperature: 0.5, topP: 0.9 });
  });
});
