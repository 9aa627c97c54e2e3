// The bundled prices: what the vendors' public price pages said on PRICES_AS_OF for their own APIs. Refuses to list
// a model whose price is not certain; gateway.prices in the configuration adds and overrides.

import type { ModelPrice } from "./price.ts";

/** The day of the price pages. */
export const PRICES_AS_OF = "2025-12-01";

/** An Anthropic price: a cache read costs a tenth of the input, a write 1.25 times (5 minutes) or twice (1 hour). */
function anthropic(input: number, output: number): ModelPrice {
  return {
    input,
    output,
    cacheRead: input / 10,
    cacheWrite5m: (input * 5) / 4,
    cacheWrite1h: input * 2,
  };
}

/** An OpenAI price: what is written to the cache costs as other input. */
function openai(input: number, cacheRead: number, output: number): ModelPrice {
  return { input, output, cacheRead, cacheWrite5m: input };
}

const SONNET = {
  ...anthropic(3_000, 15_000),
  longContext: { ...anthropic(6_000, 22_500), aboveInputTokens: 200_000 },
};

/** Nano-USD per token, by host of the vendor's API and by model id. */
export const PRICE_TABLE: Readonly<Record<string, Readonly<Record<string, ModelPrice>>>> = {
  "api.anthropic.com": {
    "claude-opus-4-5": anthropic(5_000, 25_000),
    "claude-opus-4-1": anthropic(15_000, 75_000),
    "claude-opus-4": anthropic(15_000, 75_000),
    "claude-sonnet-4-5": SONNET,
    "claude-sonnet-4": SONNET,
    "claude-3-7-sonnet": anthropic(3_000, 15_000),
    "claude-haiku-4-5": anthropic(1_000, 5_000),
    "claude-3-5-haiku": anthropic(800, 4_000),
  },
  "api.openai.com": {
    "gpt-5.1": openai(1_250, 125, 10_000),
    "gpt-5": openai(1_250, 125, 10_000),
    "gpt-5-codex": openai(1_250, 125, 10_000),
    "gpt-5-mini": openai(250, 25, 2_000),
    "gpt-5-nano": openai(50, 5, 400),
    "gpt-4.1": openai(2_000, 500, 8_000),
    "gpt-4.1-mini": openai(400, 100, 1_600),
    "gpt-4.1-nano": openai(100, 25, 400),
    "gpt-4o": openai(2_500, 1_250, 10_000),
    "gpt-4o-mini": openai(150, 75, 600),
    o3: openai(2_000, 500, 8_000),
    "o4-mini": openai(1_100, 275, 4_400),
  },
};
