// What the broker has recorded about allowances over time, oldest first.

import { z } from "zod";
import { UsageStatus } from "./usage.ts";

/** One allowance at one moment; times in ms since the epoch. */
export const UsageHistoryEntry = z.object({
  recordedAt: z.number(),
  provider: z.string(),
  accountKey: z.string(),
  email: z.string().optional(),
  accountId: z.string().optional(),
  limitId: z.string(),
  label: z.string(),
  windowLabel: z.string().optional(),
  usedFraction: z.number().optional(),
  status: UsageStatus.catch("unknown").optional(),
  resetsAt: z.number().optional(),
});
/** One allowance at one moment. */
export type UsageHistoryEntry = z.infer<typeof UsageHistoryEntry>;

/** Answer of `GET /v1/usage/history`. */
export const UsageHistory = z.object({
  generatedAt: z.number(),
  entries: z.array(UsageHistoryEntry),
});
/** Answer of `GET /v1/usage/history`. */
export type UsageHistory = z.infer<typeof UsageHistory>;
