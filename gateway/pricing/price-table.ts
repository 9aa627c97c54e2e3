// The bundled prices: what the vendors' public price pages said for their own APIs, read between PRICES_AS_OF and
// October 2026. Refuses to list a model or a tier whose price is not certain; gateway.prices adds and overrides.

import type { ModelPrice, TierShare } from "./price.ts";

/** The oldest day of a price page that was read. */
export const PRICES_AS_OF = "2026-05-04";

type Tiers = Readonly<Record<string, TierShare>>;

const HALF: TierShare = { times: 1, per: 2 };
const DOUBLE: TierShare = { times: 2, per: 1 };
// From Claude Opus 4.6 on, to be served in the United States costs a tenth more.
const UNITED_STATES: Tiers = { geo_us: { times: 11, per: 10 } };

/**
 * An Anthropic price: a cache read costs a tenth of the input unless it is said, a write 1.25 times (5 minutes) or
 * twice (1 hour), a batch half. What a committed (priority) tier costs is agreed with each customer.
 */
function anthropic(
  input: number,
  output: number,
  { cacheRead = input / 10, tiers = {} }: { cacheRead?: number; tiers?: Tiers } = {},
): ModelPrice {
  return {
    input,
    output,
    cacheRead,
    cacheWrite5m: (input * 5) / 4,
    cacheWrite1h: input * 2,
    tiers: { batch: HALF, ...tiers },
  };
}

/** An OpenAI price: what is written to the cache costs as other input, flex half. */
function openai(
  input: number,
  cacheRead: number,
  output: number,
  { priority }: { priority?: TierShare } = {},
): ModelPrice {
  const tiers = { flex: HALF, ...(priority && { priority }) };
  return { input, output, cacheRead, cacheWrite5m: input, tiers };
}

/** An OpenAI price that goes up for an input of more than 272,000 tokens: twice the input, half as much again out. */
function stepped(price: ModelPrice): ModelPrice {
  const { input, output, cacheRead = 0 } = price;
  const dearer = { input: input * 2, output: (output * 3) / 2, cacheRead: cacheRead * 2 };
  return {
    ...price,
    longContext: { ...dearer, cacheWrite5m: input * 2, aboveInputTokens: 272_000 },
  };
}

/** A Gemini price that goes up for an input of more than 200,000 tokens: twice the input, half as much again out. */
function gemini(input: number, output: number, cacheRead?: number): ModelPrice {
  const cached = cacheRead === undefined ? {} : { cacheRead };
  const twice = cacheRead === undefined ? {} : { cacheRead: cacheRead * 2 };
  const dearer = { input: input * 2, output: (output * 3) / 2, ...twice };
  return { input, output, ...cached, longContext: { ...dearer, aboveInputTokens: 200_000 } };
}

const { tiers: _notLong, ...LONG_SONNET_4 } = anthropic(6_000, 22_500);
const SONNET_4 = {
  ...anthropic(3_000, 15_000),
  longContext: { ...LONG_SONNET_4, aboveInputTokens: 200_000 },
};
const OPUS_4 = anthropic(15_000, 75_000);
const OPUS = anthropic(5_000, 25_000, { tiers: UNITED_STATES });
const FABLE_5 = anthropic(10_000, 50_000, { tiers: UNITED_STATES });
const FABLE_5_1 = anthropic(10_000, 50_000, { cacheRead: 250, tiers: UNITED_STATES });

/** Nano-USD per token, by host of the vendor's API and by model id. */
export const PRICE_TABLE: Readonly<Record<string, Readonly<Record<string, ModelPrice>>>> = {
  "api.anthropic.com": {
    "claude-fable-5-1": FABLE_5_1,
    "claude-mythos-5-1": FABLE_5_1,
    "claude-fable-5": FABLE_5,
    "claude-mythos-5": FABLE_5,
    "claude-opus-5-5": anthropic(4_000, 20_000, {
      cacheRead: 200,
      tiers: { ...UNITED_STATES, fast: DOUBLE },
    }),
    "claude-opus-5": OPUS,
    "claude-opus-4-8": OPUS,
    "claude-opus-4-7": OPUS,
    "claude-opus-4-6": OPUS,
    "claude-opus-4-5": anthropic(5_000, 25_000),
    "claude-opus-4-1": OPUS_4,
    "claude-opus-4": OPUS_4,
    "claude-sonnet-5": anthropic(2_000, 10_000, { tiers: UNITED_STATES }),
    "claude-sonnet-4-6": anthropic(3_000, 15_000, { tiers: UNITED_STATES }),
    "claude-sonnet-4-5": SONNET_4,
    "claude-sonnet-4": SONNET_4,
    "claude-3-7-sonnet": anthropic(3_000, 15_000),
    "claude-haiku-4-5": anthropic(1_000, 5_000),
    "claude-3-5-haiku": anthropic(800, 4_000),
  },
  "api.openai.com": {
    "gpt-5.5": stepped(openai(5_000, 500, 30_000, { priority: { times: 5, per: 2 } })),
    "gpt-5.4": stepped(openai(2_500, 250, 15_000, { priority: DOUBLE })),
    "gpt-5.4-mini": openai(750, 75, 4_500, { priority: DOUBLE }),
    "gpt-5.4-nano": openai(200, 20, 1_250),
    "gpt-5.2": openai(1_750, 175, 14_000, { priority: DOUBLE }),
    "gpt-5.1": openai(1_250, 125, 10_000, { priority: DOUBLE }),
    "gpt-5.1-codex": openai(1_250, 125, 10_000, { priority: DOUBLE }),
    "gpt-5.1-codex-mini": openai(250, 25, 2_000),
    "gpt-5": openai(1_250, 125, 10_000, { priority: DOUBLE }),
    "gpt-5-codex": openai(1_250, 125, 10_000, { priority: DOUBLE }),
    "gpt-5-mini": openai(250, 25, 2_000, { priority: { times: 9, per: 5 } }),
    "gpt-5-nano": openai(50, 5, 400),
    "gpt-4.1": openai(2_000, 500, 8_000, { priority: { times: 7, per: 4 } }),
    "gpt-4.1-mini": openai(400, 100, 1_600),
    "gpt-4.1-nano": openai(100, 25, 400),
    "gpt-4o": openai(2_500, 1_250, 10_000),
    "gpt-4o-mini": openai(150, 75, 600),
    o3: openai(2_000, 500, 8_000),
    "o4-mini": openai(1_100, 275, 4_400),
  },
  // Of the Flash models only those whose input costs the same whatever it is: usage does not tell sound from text.
  "generativelanguage.googleapis.com": {
    "gemini-3.5-flash": { input: 1_500, output: 9_000, cacheRead: 150 },
    "gemini-3.5-flash-lite": { input: 300, output: 2_500, cacheRead: 30 },
    "gemini-3.1-pro-preview": gemini(2_000, 12_000),
    "gemini-3-pro-preview": gemini(2_000, 12_000),
    "gemini-2.5-pro": gemini(1_250, 10_000, 125),
  },
};
