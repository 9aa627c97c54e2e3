// When the windows of budgets begin and end: days, weeks from Monday and months of UTC.

import { type BudgetWindow } from "./key-rules.ts";

const DAY_MS = 24 * 3_600_000;
const THURSDAY_TO_MONDAY_DAYS = 3;

/** The number of a UTC day, counted from 1970-01-01. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS);
}

/** First day of the window that a day lies in; for `total` the first of all. */
export function firstDayOf(window: BudgetWindow, day: number): number {
  if (window === "total") return 0;
  if (window === "day") return day;
  // 1970-01-01 was a Thursday.
  if (window === "week") return day - ((((day + THURSDAY_TO_MONDAY_DAYS) % 7) + 7) % 7);
  const date = new Date(day * DAY_MS);
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1));
}

/** When the window that a time lies in is over, in ms since the epoch; undefined for `total`. */
export function endOf(window: BudgetWindow, atMs: number): number | undefined {
  const first = firstDayOf(window, dayOf(atMs));
  if (window === "total") return undefined;
  if (window === "day") return (first + 1) * DAY_MS;
  if (window === "week") return (first + 7) * DAY_MS;
  const date = new Date(first * DAY_MS);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
