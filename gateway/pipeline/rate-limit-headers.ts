// What is left of an account's limits, under the names a caller's clients look for: Anthropic's SDKs read
// `anthropic-ratelimit-*` with dates, OpenAI's `x-ratelimit-*` with durations. Refuses to guess: a reset that cannot be
// read is left out, and limits that only one vendor has stay as they came.

import type { SpokenFormatId } from "#wire";
import { readWaitMs } from "../routing/reset-time.ts";

const LIMITS = ["requests", "tokens"] as const;
const FIELDS = ["limit", "remaining", "reset"] as const;

/** Each header of both vendors: OpenAI's name, Anthropic's, and whether it holds a time. */
const NAMES = LIMITS.flatMap((limit) =>
  FIELDS.map((field) => ({
    openai: `x-ratelimit-${field}-${limit}`,
    anthropic: `anthropic-ratelimit-${limit}-${field}`,
    isTime: field === "reset",
  })),
);

/** The headers of an answer as a caller of `format` reads them; the same object where nothing has to change. */
export function rateLimitsFor(
  format: SpokenFormatId,
  headers: Readonly<Record<string, string>>,
  nowMs: number,
): Readonly<Record<string, string>> {
  const wantsAnthropic = format === "messages";
  let renamed: Record<string, string> | undefined;
  for (const { openai, anthropic, isTime } of NAMES) {
    const [from, to] = wantsAnthropic ? [openai, anthropic] : [anthropic, openai];
    const value = headers[from];
    if (value === undefined) continue;
    renamed ??= { ...headers };
    delete renamed[from];
    const waitMs = isTime ? (readWaitMs(value, nowMs) ?? 0) : undefined;
    if (waitMs === undefined) renamed[to] = value;
    else if (waitMs > 0) renamed[to] = wantsAnthropic ? dateOf(nowMs + waitMs) : durationOf(waitMs);
  }
  return renamed ?? headers;
}

/** RFC 3339 to the second, never before the moment. */
function dateOf(ms: number): string {
  return new Date(Math.ceil(ms / 1_000) * 1_000).toISOString().replace(".000Z", "Z");
}

/** As OpenAI writes it: `850ms`, `12s`, `6m0s`, `1h0m5s`. */
function durationOf(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  const rest = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
