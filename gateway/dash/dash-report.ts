// What /dash shows, as the gateway tells it and the page reads it: sums over time and by group. Runs anywhere.

/** What may be shown at once, by name: how far back, and the width of a bar. */
export const DASH_RANGES = {
  "24h": { days: 1, bucketHours: 1 },
  "7d": { days: 7, bucketHours: 6 },
  "30d": { days: 30, bucketHours: 24 },
  "90d": { days: 90, bucketHours: 24 },
  "1y": { days: 365, bucketHours: 7 * 24 },
} as const;
/** One of DASH_RANGES. */
export type DashRange = keyof typeof DASH_RANGES;

/** What may be told apart. */
export const DASH_GROUPS = ["model", "key", "account"] as const;
/** One of DASH_GROUPS. */
export type DashGroup = (typeof DASH_GROUPS)[number];

/** Sums of some requests. */
export interface DashSum {
  readonly requests: number;
  /** Of them, refused or broken off; a caller who left is no error. */
  readonly errors: number;
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
  /** Of the requests whose cost is known. */
  readonly costNanoUsd: number;
  /** Requests that were answered at a cost that is not known. */
  readonly unpriced: number;
}

/** A group in every bucket. */
export interface DashSeries {
  /** Its name; null for all groups that have no series of their own. */
  readonly group: string | null;
  /** As long as the report's buckets. */
  readonly sums: readonly DashSum[];
}

/** One kind of error in every bucket. */
export interface DashErrors {
  /** The code of the refusal, or how the answer ended; null for all others. */
  readonly code: string | null;
  /** As long as the report's buckets. */
  readonly counts: readonly number[];
}

/** Answer of `GET /dash/data`; times in ms since the epoch. */
export interface DashReport {
  readonly range: DashRange;
  readonly by: DashGroup;
  readonly generatedAtMs: number;
  readonly bucketMs: number;
  /** Where each bucket begins. */
  readonly buckets: readonly number[];
  readonly totals: DashSum;
  /** The groups with the most requests, most first, then the rest together. */
  readonly series: readonly DashSeries[];
  /** Groups with their sums over all buckets, most requests first; MAX_DASH_GROUPS at most. */
  readonly groups: readonly (DashSum & { readonly group: string })[];
  /** Groups that are not listed. */
  readonly moreGroups: number;
  readonly errors: readonly DashErrors[];
  /** Day of the bundled prices. */
  readonly pricesAsOf: string;
}

/** Groups and kinds of errors that are told apart over time; more cannot be told apart by eye. */
export const MAX_DASH_SERIES = 7;
/** Groups that are listed. */
export const MAX_DASH_GROUPS = 200;
