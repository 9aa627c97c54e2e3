// Numbers, times and lengths as providers write them: as numbers, as text, in seconds or milliseconds.
// Refuses to guess: what cannot be read, or cannot be meant, is undefined.

import { readCompoundDuration } from "#platform";

// Beyond this nothing is counted anywhere, and sums would stop being numbers.
const MAX_NUMBER = 1e15;
const NUMBER = /^\s*-?\d{1,16}(?:\.\d{1,20})?\s*%?\s*$/;

const EARLIEST_MS = Date.UTC(2000, 0);
const LATEST_MS = Date.UTC(2200, 0);
// Seconds have fewer digits than this until the year 5138, milliseconds have had more since 1973.
const FIRST_EPOCH_MS = 1e11;
const MAX_TIME_CHARS = 64;
const TIME_OF_DAY = /\d{2}:\d{2}/;
const ZONE = /(?:Z|[+-]\d{2}:?\d{2}|[A-Z]{3,4})$/i;

const MAX_WINDOW_MS = 10 * 366 * 24 * 3_600_000;
const UNIT_WORDS = [
  [/minute/i, 60],
  [/hour/i, 3_600],
  [/day/i, 86_400],
  [/week/i, 604_800],
] as const;

/** A number, also one written as text, with or without a percent sign. */
export function readNumber(value: unknown): number | undefined {
  const number = typeof value === "string" ? numberIn(value) : value;
  if (typeof number !== "number" || !(Math.abs(number) <= MAX_NUMBER)) return undefined;
  // Minus zero would come back from JSON as another number.
  return number + 0;
}

/** A moment in ms since the epoch: from epoch seconds, epoch milliseconds or a date. */
export function readTime(value: unknown): number | undefined {
  const number = readNumber(value);
  if (number !== undefined) {
    return plausibleTime(number < FIRST_EPOCH_MS ? number * 1_000 : number);
  }
  if (typeof value !== "string" || value.length > MAX_TIME_CHARS || !/\d{4}/.test(value)) {
    return undefined;
  }
  const text = value.trim();
  // Without a zone, a time of day would be read as that of wherever the broker runs.
  const isLocal = TIME_OF_DAY.test(text) && !ZONE.test(text);
  return plausibleTime(Date.parse(isLocal ? `${text}Z` : text));
}

/** A moment as headers give it: also a number of seconds from now, or a duration such as `6m0s`. */
export function readHeaderTime(text: string, nowMs: number): number | undefined {
  const atMs = readTime(text);
  if (atMs !== undefined) return atMs;
  const seconds = readNumber(text);
  const aheadMs = seconds === undefined ? readDuration(text) : readLength(seconds, 1);
  return aheadMs === undefined ? undefined : Math.round(nowMs + aheadMs);
}

/** A window's length in ms, from a count of units of so many seconds. */
export function readLength(value: unknown, unitS: number): number | undefined {
  const count = readNumber(value);
  if (count === undefined || count <= 0) return undefined;
  const ms = Math.round(count * unitS * 1_000);
  return ms > 0 && ms <= MAX_WINDOW_MS ? ms : undefined;
}

/** How many seconds a unit has, by its name in any form; undefined for an unknown one. */
export function readUnitS(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  if (/second/i.test(value)) return 1;
  return UNIT_WORDS.find(([word]) => word.test(value))?.[1];
}

/** A window's length in words: `5 hours`, `7 days`. */
export function lengthText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return plural(Math.round(ms / 1_000), "second");
  if (minutes % 1_440 === 0) return plural(minutes / 1_440, "day");
  if (minutes % 60 === 0) return plural(minutes / 60, "hour");
  return plural(minutes, "minute");
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function numberIn(text: string): number | undefined {
  return NUMBER.test(text) ? Number.parseFloat(text) : undefined;
}

function readDuration(text: string): number | undefined {
  const ms = readCompoundDuration(text);
  return ms !== undefined && ms <= MAX_WINDOW_MS ? ms : undefined;
}

function plausibleTime(ms: number): number | undefined {
  return ms >= EARLIEST_MS && ms <= LATEST_MS ? Math.round(ms) : undefined;
}
