// What tokens cost, exactly: whole nano-USD (billionths of a dollar) per token, no fractions on the way. Refuses to
// guess: where one figure or one price is missing the cost is null, not a little less.

import type { Usage } from "#wire";

/** Nano-USD per token; 1,000 is one dollar per million tokens. What is absent is not known. */
export interface TokenPrices {
  readonly input: number;
  readonly output: number;
  readonly cacheRead?: number;
  readonly cacheWrite5m?: number;
  readonly cacheWrite1h?: number;
  /** Where reasoning is not billed as output. */
  readonly reasoning?: number;
}

/** What a tier costs, as a share of the usual price. */
export interface TierShare {
  readonly times: number;
  readonly per: number;
}

/** The prices of one model. */
export interface ModelPrice extends TokenPrices {
  /** By the tier's name in Usage. A tier that is not here has no price, and none has one for a long context. */
  readonly tiers?: Readonly<Record<string, TierShare>>;
  /** Prices of a request whose whole input is larger than that. */
  readonly longContext?: TokenPrices & { readonly aboveInputTokens: number };
}

const USUAL: TierShare = { times: 1, per: 1 };

/**
 * The exact cost in nano-USD, a fraction that a tier's share leaves rounded up; null when it cannot be known exactly.
 */
export function costNanoUsd(price: ModelPrice | undefined, usage: Usage): number | null {
  if (!price || usage.isEstimated) return null;
  const prices = pricesFor(price, usage);
  const share = shareFor(price, usage, prices);
  if (!share) return null;
  const { input, cacheRead, cacheWrite, cacheWrite1h = 0, output, reasoning = 0 } = usage;
  const isApart = prices.reasoning !== undefined;
  const items = [
    [input, prices.input],
    [cacheRead, prices.cacheRead],
    [cacheWrite - cacheWrite1h, prices.cacheWrite5m],
    [cacheWrite1h, prices.cacheWrite1h],
    [isApart ? output - reasoning : output, prices.output],
    [isApart ? reasoning : 0, prices.reasoning],
  ] as const;
  return sum(items, share);
}

/**
 * The most in nano-USD that so many tokens can cost, whatever part of them is written to or read from a cache, however
 * long the context is, and in whichever tier that has a price: an account's own settings may choose one that nobody
 * asked for. Null when that cannot be said.
 */
export function boundNanoUsd(
  price: ModelPrice | undefined,
  { input, output }: { readonly input: number; readonly output: number },
): number | null {
  if (!price) return null;
  const most = (prices: TokenPrices, share?: TierShare) =>
    sum(
      [
        [input, dearestInput(prices)],
        [output, Math.max(prices.output, prices.reasoning ?? 0)],
      ],
      share,
    );
  const shares = [USUAL, ...Object.values(price.tiers ?? {})];
  const bounds = shares.map((share) => most(price, share));
  if (price.longContext) bounds.push(most(price.longContext));
  return bounds.includes(null) ? null : Math.max(...bounds.map(Number));
}

function dearestInput({ input, cacheRead, cacheWrite5m, cacheWrite1h }: TokenPrices): number {
  return Math.max(input, cacheRead ?? 0, cacheWrite5m ?? 0, cacheWrite1h ?? 0);
}

function pricesFor(price: ModelPrice, { input, cacheRead, cacheWrite }: Usage): TokenPrices {
  const { longContext } = price;
  return longContext && input + cacheRead + cacheWrite > longContext.aboveInputTokens
    ? longContext
    : price;
}

function shareFor(
  price: ModelPrice,
  { serviceTier }: Usage,
  prices: TokenPrices,
): TierShare | undefined {
  if (serviceTier === undefined) return USUAL;
  const { tiers = {} } = price;
  return prices === price && Object.hasOwn(tiers, serviceTier) ? tiers[serviceTier] : undefined;
}

function sum(
  items: readonly (readonly [tokens: number, price: number | undefined])[],
  { times, per }: TierShare = USUAL,
) {
  let total = 0n;
  for (const [tokens, price] of items) {
    if (tokens === 0) continue;
    // A host that reports halves, or less than nothing, has reported nothing to count with.
    if (price === undefined || !Number.isSafeInteger(tokens) || tokens < 0) return null;
    total += BigInt(tokens) * BigInt(price);
  }
  const share = BigInt(per);
  const cost = (total * BigInt(times) + share - 1n) / share;
  return cost <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(cost) : null;
}
