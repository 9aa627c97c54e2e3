// How much of one allowance is used, from whichever of the numbers a provider gave; and how close that is to
// the end. Only arithmetic: what does not follow from the numbers stays absent.

import type { UsageAmount, UsageStatus } from "#wire";

/** From this share on, an allowance is close to its end. */
export const WARNING_FRACTION = 0.8;

/** What a provider gave; absolute numbers in `unit`. */
export interface GivenAmount {
  readonly used?: number | undefined;
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  /** 0–1, before it is clamped. */
  readonly usedFraction?: number | undefined;
  readonly unit: UsageAmount["unit"];
}

/** What a provider said beside the numbers. */
export interface GivenState {
  readonly isUnlimited?: boolean;
  /** The provider's own word on whether requests are refused. */
  readonly isReached?: boolean | undefined;
  /** What is over the limit is paid for or let through. */
  readonly hasRelief?: boolean;
}

/** The amount with everything that follows from what was given; undefined when nothing was. */
export function amountOf(given: GivenAmount): UsageAmount | undefined {
  // Minus one stands for "none" with several providers.
  const limit = given.limit !== undefined && given.limit >= 0 ? given.limit : undefined;
  const used = given.used ?? difference(limit, given.remaining);
  const remaining = given.remaining ?? difference(limit, used);
  const usedFraction = clampedFraction(given.usedFraction ?? share(used, limit));
  const isNothing = [limit, used, remaining, usedFraction].every((number) => number === undefined);
  if (isNothing) return undefined;
  const remainingFraction = clampedFraction(
    usedFraction === undefined ? undefined : 1 - usedFraction,
  );
  const { unit } = given;
  const isShareOnly = unit === "percent" && used === undefined && limit === undefined;
  if (isShareOnly && usedFraction !== undefined && remainingFraction !== undefined) {
    const [percent, left] = [rounded(usedFraction * 100), rounded(remainingFraction * 100)];
    return { used: percent, limit: 100, remaining: left, usedFraction, remainingFraction, unit };
  }
  return { used, limit, remaining, usedFraction, remainingFraction, unit };
}

/** How close an amount is to its end. The provider's own word counts where the numbers leave it open. */
export function statusOf(
  { usedFraction, remaining }: Omit<UsageAmount, "unit">,
  { isUnlimited = false, isReached, hasRelief = false }: GivenState = {},
): UsageStatus {
  if (isUnlimited) return "ok";
  const isUsedUp = usedFraction === undefined ? isNone(remaining) : usedFraction >= 1;
  const isEnd = isUsedUp ? isReached !== false : usedFraction === undefined && isReached === true;
  if (isEnd) return hasRelief ? "warning" : "exhausted";
  if (isUsedUp || isReached === true) return "warning";
  if (usedFraction === undefined) return "unknown";
  return usedFraction >= WARNING_FRACTION ? "warning" : "ok";
}

function isNone(remaining: number | undefined): boolean {
  return remaining !== undefined && remaining <= 0;
}

function difference(limit: number | undefined, part: number | undefined): number | undefined {
  if (limit === undefined || part === undefined) return undefined;
  return Math.max(0, rounded(limit - part));
}

function share(used: number | undefined, limit: number | undefined): number | undefined {
  return used === undefined || limit === undefined || limit <= 0 ? undefined : used / limit;
}

function clampedFraction(fraction: number | undefined): number | undefined {
  if (fraction === undefined || Number.isNaN(fraction)) return undefined;
  return rounded(Math.min(1, Math.max(0, fraction)));
}

// So that 1 − 0.9 is 0.1, and a change is a change.
function rounded(number: number): number {
  return Math.round(number * 1e6) / 1e6 + 0;
}
