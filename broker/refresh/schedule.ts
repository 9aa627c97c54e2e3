// When grants are refreshed: how often we look, how early we act, and how a crowd of them is spread.

import type { RefresherSchedule } from "#wire";

/** How often the refresher looks for grants about to expire, in ms. */
export const REFRESH_INTERVAL_MS = 60_000;
/** How long before its end a grant is refreshed, in ms. */
export const REFRESH_SKEW_MS = 300_000;

/** The schedule of a broker that refreshes nothing: its next sweep never comes. */
export const NO_REFRESHER: RefresherSchedule = {
  enabled: false,
  intervalMs: REFRESH_INTERVAL_MS,
  skewMs: REFRESH_SKEW_MS,
  nextSweepInMs: Number.MAX_SAFE_INTEGER,
};

/** The pause from one sweep to the next: the interval, up to a tenth shorter, so that brokers do not sweep in step. */
export function nextSweepMs(random: () => number): number {
  return Math.round(REFRESH_INTERVAL_MS * (1 - random() / 10));
}

const SPREAD_PER_GRANT_MS = 40;
const MAX_SPREAD_MS = 45_000;

/** How long one of `count` due grants waits before its turn, at random. */
export function spreadMs(count: number, random: () => number): number {
  return Math.round(random() * Math.min(MAX_SPREAD_MS, (count - 1) * SPREAD_PER_GRANT_MS));
}
