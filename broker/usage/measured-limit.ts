// One allowance as it was measured at some moment, by asking the provider or from the headers of its answers.
// Refuses to be older than its own window: once that has been reset, nothing is known of it any more.

import { UsageLimit, type UsageWindow } from "#wire";
import { z } from "zod";
import { lengthText } from "./usage-values.ts";

/** An allowance, when it was measured (ms since the epoch) and how. */
export const MeasuredLimit = z.strictObject({
  limit: UsageLimit,
  measuredAtMs: z.number(),
  source: z.enum(["probe", "headers"]),
  /** What is over the limit is paid for or let through. */
  hasRelief: z.boolean().default(false),
});
/** An allowance, when it was measured and how. */
export type MeasuredLimit = z.infer<typeof MeasuredLimit>;

/** The account that a credential stands for, as far as it is known. */
export interface UsageAccount {
  readonly provider: string;
  readonly accountId?: string | undefined;
  readonly projectId?: string | undefined;
  readonly orgId?: string | undefined;
}

/** The window of an allowance; undefined when neither its length nor its end is known. */
export function windowOf(
  limitId: string,
  label: string,
  { durationMs, resetsAt }: { durationMs?: number | undefined; resetsAt?: number | undefined },
): UsageWindow | undefined {
  if (durationMs !== undefined) {
    const text = lengthText(durationMs);
    return { id: shortened(text), label: text, durationMs, resetsAt };
  }
  return resetsAt === undefined ? undefined : { id: limitId, label, resetsAt };
}

/** The limit as it may be told now: without its numbers when its window was reset since they were measured. */
export function asOf({ limit, measuredAtMs }: MeasuredLimit, nowMs: number): UsageLimit {
  const resetsAt = limit.window?.resetsAt;
  const isOver = resetsAt !== undefined && resetsAt <= nowMs && resetsAt > measuredAtMs;
  if (!isOver) return limit;
  const { unit, limit: most } = limit.amount;
  return { ...limit, amount: { limit: most, unit }, status: "unknown" };
}

/** A later measurement over an earlier one of the same allowance: what it leaves open is kept. */
export function mergedOver(
  earlier: MeasuredLimit | undefined,
  later: MeasuredLimit,
): MeasuredLimit {
  if (earlier === undefined) return later;
  const { hasRelief } = earlier;
  const isLetThrough = hasRelief && later.limit.status === "exhausted";
  const limit: UsageLimit = {
    ...later.limit,
    label: earlier.limit.label,
    window: mergedWindow(earlier.limit.window, later),
    ...(isLetThrough && { status: "warning", notes: earlier.limit.notes }),
  };
  return { ...later, limit, hasRelief };
}

// An end that has passed is that of the window before.
function mergedWindow(
  earlier: UsageWindow | undefined,
  { limit: { window: later }, measuredAtMs }: MeasuredLimit,
): UsageWindow | undefined {
  if (earlier === undefined) return later;
  const isAhead = (earlier.resetsAt ?? 0) > measuredAtMs;
  const resetsAt = later?.resetsAt ?? (isAhead ? earlier.resetsAt : undefined);
  const { id, label, durationMs } = later?.durationMs === undefined ? earlier : later;
  return { id, label, durationMs, resetsAt };
}

// "5 hours" → "5h".
function shortened(text: string): string {
  return text.replace(/ (\w)\w*$/, "$1");
}
