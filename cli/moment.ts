// Moments as people type them: a length of time ago (7d, 12h) or a day of UTC (2026-11-01). Refuses everything else.

import { CliError, EXIT_CODES } from "./cli-error.ts";
import { parseDuration } from "./duration.ts";

const DAY_MS = 24 * 3_600_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** A stretch of time, in ms since the epoch; `untilMs` is the first moment after it. */
export interface Stretch {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** From --since to --until, both days included where they are days. Throws CliError for what is none, or is empty. */
export function parseStretch(
  { since, until }: { since: string; until: string | undefined },
  nowMs: number,
): Stretch {
  const sinceMs = parseMoment(since, "--since", nowMs);
  const untilMs = until === undefined ? nowMs : endOf(until, nowMs);
  if (sinceMs < untilMs) return { sinceMs, untilMs };
  throw new CliError("stretch_empty", "--since is not before --until", {
    exitCode: EXIT_CODES.usage,
    hint: "Both look back from now: --since 30d --until 7d, or --since 2026-11-01 --until 2026-11-30.",
  });
}

function endOf(until: string, nowMs: number): number {
  const ms = parseMoment(until, "--until", nowMs);
  return DAY.test(until) ? ms + DAY_MS : ms;
}

function parseMoment(text: string, option: string, nowMs: number): number {
  if (!DAY.test(text)) return nowMs - parseDuration(text, option);
  const ms = Date.parse(`${text}T00:00:00Z`);
  // Some runtimes take the 31st of a short month for the first of the next.
  if (!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)) return ms;
  throw new CliError("day_invalid", `${option}: there is no such day`, {
    exitCode: EXIT_CODES.usage,
    hint: "Write a day as 2026-11-01, or a length of time such as 7d.",
  });
}
