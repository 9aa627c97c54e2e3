// How much of each account's allowance is used, as its provider reports it.
// A unit or status this version does not know reads as `unknown`; a number nobody gave stays absent.

import { z } from "zod";

/** A period an allowance counts for; `resetsAt` in ms since the epoch. */
export const UsageWindow = z.object({
  id: z.string(),
  label: z.string(),
  durationMs: z.number().optional(),
  resetsAt: z.number().optional(),
});
/** A period an allowance counts for. */
export type UsageWindow = z.infer<typeof UsageWindow>;

/** How much of an allowance is used, as absolute numbers, as fractions of 1, or both. */
export const UsageAmount = z.object({
  used: z.number().optional(),
  limit: z.number().optional(),
  remaining: z.number().optional(),
  usedFraction: z.number().optional(),
  remainingFraction: z.number().optional(),
  unit: z
    .enum(["percent", "tokens", "requests", "credits", "usd", "minutes", "bytes", "unknown"])
    .catch("unknown"),
});
/** How much of an allowance is used. */
export type UsageAmount = z.infer<typeof UsageAmount>;

/** Whom an allowance belongs to. */
export const UsageScope = z.looseObject({
  provider: z.string(),
  accountId: z.string().optional(),
  projectId: z.string().optional(),
  orgId: z.string().optional(),
  modelId: z.string().optional(),
  tier: z.string().optional(),
  windowId: z.string().optional(),
  shared: z.boolean().optional(),
});
/** Whom an allowance belongs to. */
export type UsageScope = z.infer<typeof UsageScope>;

/** How close an allowance is to its end. */
export const UsageStatus = z.enum(["ok", "warning", "exhausted", "unknown"]);
/** How close an allowance is to its end. */
export type UsageStatus = z.infer<typeof UsageStatus>;

/** One allowance of an account. */
export const UsageLimit = z.object({
  id: z.string(),
  label: z.string(),
  scope: UsageScope,
  window: UsageWindow.optional(),
  amount: UsageAmount,
  status: UsageStatus.catch("unknown").optional(),
  notes: z.array(z.string()).optional(),
});
/** One allowance of an account. */
export type UsageLimit = z.infer<typeof UsageLimit>;

/** What a provider reports about one account; `fetchedAt` in ms since the epoch. */
export const UsageReport = z.object({
  provider: z.string(),
  fetchedAt: z.number(),
  limits: z.array(UsageLimit),
  notes: z.array(z.string()).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
/** What a provider reports about one account. */
export type UsageReport = z.infer<typeof UsageReport>;

/** Answer of `GET /v1/usage`. */
export const UsageReports = z.object({
  generatedAt: z.number(),
  reports: z.array(UsageReport),
});
/** Answer of `GET /v1/usage`. */
export type UsageReports = z.infer<typeof UsageReports>;
