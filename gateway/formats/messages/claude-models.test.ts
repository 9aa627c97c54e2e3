// Versions read from the names hosts give to Claude models.

import { expect, test } from "bun:test";
import { modelAbilities } from "./claude-models.ts";

test.each([
  ["claude-3-7-sonnet-20250219", false],
  ["claude-sonnet-4-20250514", false],
  ["claude-sonnet-4@20250514", false],
  ["claude-opus-4-1-20250805", false],
  ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", false],
  ["claude-haiku-4-5", false],
  ["claude-opus-4-6", true],
  ["anthropic/claude-opus-4.7", true],
  ["anthropic.claude-opus-4-6-v1", true],
  ["claude-fable-5", true],
  ["claude-haiku-5-5", true],
  ["claude-mythos-preview", true],
  ["lab-large", false],
  ["kimi-k2-5", false],
])("%s thinks adaptively: %p", (model, expected) => {
  expect(modelAbilities(model).hasAdaptiveThinking).toBe(expected);
});

test("sampling and xhigh changed one version later", () => {
  expect(modelAbilities("claude-opus-4-6")).toMatchObject({
    hasXhighEffort: false,
    refusesSampling: false,
  });
  expect(modelAbilities("claude-opus-4-8")).toMatchObject({
    hasXhighEffort: true,
    refusesSampling: true,
  });
});

test.each([
  ["claude-3-haiku-20240307", 4_096],
  ["claude-3-5-sonnet-20241022", 8_192],
  ["claude-3-7-sonnet@20250219", 64_000],
  ["claude-sonnet-4-20250514", 64_000],
  ["us.anthropic.claude-opus-4-1-20250805-v1:0", 32_000],
  ["claude-opus-4-5", 64_000],
  ["global.anthropic.claude-sonnet-5-5", 64_000],
  ["kimi-k2-5", undefined],
])("%s answers at most %p tokens", (model, expected) => {
  expect(modelAbilities(model).maxOutputTokens).toBe(expected);
});
