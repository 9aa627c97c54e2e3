// How much a key may ask for per minute and day, and how much at once. Checked and taken in one step, so that any
// number of parallel requests together stay within. Counts in this process only.

import type { KeyRules } from "./key-rules.ts";
import { RuleRefusal } from "./key-refusal.ts";
import { SlidingWindow } from "./sliding-window.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** When a caller whose streams are all in use may try again, in ms. */
export const STREAMS_RETRY_MS = 1_000;

/** The counters of one key. */
export class KeyLimits {
  readonly #requests = new SlidingWindow({ windowMs: MINUTE_MS, steps: 60 });
  readonly #tokens = new SlidingWindow({ windowMs: MINUTE_MS, steps: 60 });
  readonly #daily = new SlidingWindow({ windowMs: DAY_MS, steps: 96 });
  #streams = 0;

  /** Counts requests of the last day that an earlier process has served. */
  remember(atMs: number, requests: number): void {
    this.#daily.add(atMs, requests);
  }

  /**
   * Takes what a request needs, or throws RuleRefusal and takes nothing. Returns what is called once with the
   * tokens that were used in the end.
   */
  take(
    { requestsPerMinute, requestsPerDay, tokensPerMinute, concurrentStreams }: KeyRules,
    { tokens, isStream, nowMs }: { tokens: number; isStream: boolean; nowMs: number },
  ): (usedTokens: number, endedAtMs: number) => void {
    check("requests per minute", this.#requests, requestsPerMinute, { needed: 1, nowMs });
    check("requests per day", this.#daily, requestsPerDay, { needed: 1, nowMs });
    // More than a minute's tokens at once can only ever pass alone.
    const reserved = Math.min(tokens, tokensPerMinute ?? 0);
    check("tokens per minute", this.#tokens, tokensPerMinute, { needed: reserved, nowMs });
    if (isStream && concurrentStreams !== null && this.#streams >= concurrentStreams) {
      throw exceeded(`${concurrentStreams} streams at the same time`, STREAMS_RETRY_MS);
    }
    this.#requests.add(nowMs, 1);
    this.#daily.add(nowMs, 1);
    this.#tokens.add(nowMs, reserved);
    if (isStream) this.#streams += 1;
    return (usedTokens, endedAtMs) => {
      if (isStream) this.#streams -= 1;
      if (tokensPerMinute === null) return;
      // What was reserved longer ago than a minute has left the window by itself.
      const isHeld = endedAtMs - nowMs < MINUTE_MS;
      this.#tokens.add(endedAtMs, isHeld ? usedTokens - reserved : usedTokens);
    };
  }
}

function check(
  what: string,
  window: SlidingWindow,
  limit: number | null,
  { needed, nowMs }: { needed: number; nowMs: number },
): void {
  if (limit === null) return;
  const surplus = window.sum(nowMs) + needed - limit;
  if (surplus > 0) throw exceeded(`${limit} ${what}`, window.waitMs(nowMs, surplus));
}

function exceeded(limit: string, retryAfterMs: number): RuleRefusal {
  return new RuleRefusal(
    "rate_limited",
    "rate_limit_exceeded",
    `This key may make ${limit}; try again later.`,
    { retryAfterMs },
  );
}
