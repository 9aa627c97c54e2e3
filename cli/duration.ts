// Lengths of time as people type them: 30d, 12h, 90m. Refuses everything else, with an example.

import { CliError, EXIT_CODES } from "./cli-error.ts";

/** Longest duration taken, in days. */
export const MAX_DURATION_DAYS = 3650;

const MINUTE_MS = 60_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  m: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: 24 * 60 * MINUTE_MS,
};

/** The length in ms; `option` is named in the CliError for anything that is not a length. */
export function parseDuration(text: string, option: string): number {
  const [, digits, unit = ""] = /^(\d{1,7})([mhd])$/.exec(text) ?? [];
  const ms = Number(digits) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= MAX_DURATION_DAYS * 24 * 60 * MINUTE_MS) return ms;
  throw new CliError("duration_invalid", `${option} is not a length of time`, {
    exitCode: EXIT_CODES.usage,
    hint: `Write minutes, hours or days, such as 90m, 12h or 30d; at most ${MAX_DURATION_DAYS}d.`,
  });
}
