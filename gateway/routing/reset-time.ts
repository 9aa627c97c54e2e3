// When a provider says it may be asked again: retry-after and the reset headers of the vendors, read to ms from now.
// Refuses to guess: what cannot be read, or lies in the past, is undefined.

import { readCompoundDuration } from "#platform";

/** Longest text that is read as a time, in characters. */
const MAX_TIME_CHARS = 64;
// Seconds since the epoch have at least ten digits since 2001; a wait in seconds never has.
const FIRST_EPOCH_SECONDS = 1e9;
const FIRST_EPOCH_MS = 1e12;
const NUMBER = /^\d{1,16}(?:\.\d{1,9})?$/;

/** Headers by name in lower case. */
export type HeaderRecord = Readonly<Record<string, string>>;

/** Each limit's remaining amount and its end; only the end of one that is used up says when to come back. */
const RESETS: readonly (readonly [remaining: string, reset: string])[] = [
  "requests",
  "tokens",
  "input-tokens",
  "output-tokens",
].flatMap((limit): (readonly [string, string])[] => [
  [`anthropic-ratelimit-${limit}-remaining`, `anthropic-ratelimit-${limit}-reset`],
  [`x-ratelimit-remaining-${limit}`, `x-ratelimit-reset-${limit}`],
]);

/** How long to leave an account alone, in ms, as the headers of its refusal say; undefined when they do not. */
export function statedWaitMs(headers: HeaderRecord, nowMs: number): number | undefined {
  const ms = Number(headers["retry-after-ms"] ?? Number.NaN);
  if (ms > 0) return ms;
  const after = readWaitMs(headers["retry-after"], nowMs);
  if (after !== undefined) return after;
  const used = RESETS.filter(([remaining]) => Number(headers[remaining] ?? Number.NaN) <= 0)
    .map(([, reset]) => readWaitMs(headers[reset], nowMs))
    .filter((wait) => wait !== undefined);
  // All of them must have ended.
  if (used.length > 0) return Math.max(...used);
  return (
    readWaitMs(headers["anthropic-ratelimit-unified-reset"], nowMs) ??
    readWaitMs(headers["x-ratelimit-reset"], nowMs)
  );
}

/** A wait in ms from seconds, an epoch in seconds or ms, a duration such as `6m0s`, or a date. */
export function readWaitMs(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined || text.length > MAX_TIME_CHARS) return undefined;
  const wait = readText(text.trim(), nowMs);
  return wait !== undefined && wait > 0 ? wait : undefined;
}

function readText(text: string, nowMs: number): number | undefined {
  if (NUMBER.test(text)) {
    const number = Number(text);
    if (number >= FIRST_EPOCH_MS) return number - nowMs;
    return number >= FIRST_EPOCH_SECONDS ? number * 1_000 - nowMs : number * 1_000;
  }
  const lengthMs = readCompoundDuration(text);
  if (lengthMs !== undefined) return lengthMs;
  const atMs = /\d{4}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs - nowMs;
}
