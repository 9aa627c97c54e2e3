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

// "5 hours" → "5h".
function shortened(text: string): string {
  return text.replace(/ (\w)\w*$/, "$1");
}
