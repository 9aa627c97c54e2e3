// Adds up the ledger for /dash without holding up the gateway: a short stretch of time after the other, each a few
// milliseconds, with room for requests in between.

import type { Database } from "#platform";
import { GROUP_EXPRESSIONS } from "../ledger/usage-sums.ts";
import { PRICES_AS_OF } from "../pricing/price-table.ts";
import {
  DASH_RANGES,
  type DashErrors,
  type DashGroup,
  type DashRange,
  type DashReport,
  type DashSeries,
  type DashSum,
  MAX_DASH_GROUPS,
  MAX_DASH_SERIES,
} from "./dash-report.ts";

/** How long one look into the ledger may take before the next is made shorter, in ms. */
export const SLICE_MS = 4;

const MINUTE_MS = 60_000;
const FIRST_SLICE_MS = 5 * MINUTE_MS;
const HOUR_MS = 3_600_000;
const WEEK_HOURS = 7 * 24;
// 1970-01-01 was a Thursday; weeks begin on Monday.
const MONDAY_MS = 4 * 24 * HOUR_MS;

const NOTHING: DashSum = {
  requests: 0,
  errors: 0,
  input: 0,
  cacheRead: 0,
  cacheWrite: 0,
  output: 0,
  reasoning: 0,
  costNanoUsd: 0,
  unpriced: 0,
};
const FIELDS = Object.keys(NOTHING) as readonly (keyof DashSum)[];

type Row = DashSum & { readonly name: string; readonly error: string | null };

function sumsOf(by: DashGroup): string {
  return `SELECT ${GROUP_EXPRESSIONS[by]} AS name,
      CASE WHEN outcome IN ('completed', 'client_gone') OR code = 'client_gone' THEN NULL
        WHEN outcome = 'refused' THEN coalesce(code, outcome) ELSE outcome END AS error,
      count(*) AS requests, 0 AS errors,
      coalesce(sum(input), 0) AS input, coalesce(sum(cache_read), 0) AS cacheRead,
      coalesce(sum(cache_write), 0) AS cacheWrite, coalesce(sum(output), 0) AS output,
      coalesce(sum(reasoning), 0) AS reasoning, coalesce(sum(cost_nano_usd), 0) AS costNanoUsd,
      sum(outcome <> 'refused' AND cost_nano_usd IS NULL) AS unpriced
    FROM requests WHERE at_ms >= ? AND at_ms < ? GROUP BY 1, 2`;
}

/** The buckets of a range that ends now: where each begins, the last one unfinished. */
export function bucketsOf(range: DashRange, nowMs: number): { bucketMs: number; starts: number[] } {
  const { days, bucketHours } = DASH_RANGES[range];
  const bucketMs = bucketHours * HOUR_MS;
  const offsetMs = bucketHours === WEEK_HOURS ? MONDAY_MS : 0;
  const lastMs = Math.floor((nowMs - offsetMs) / bucketMs) * bucketMs + offsetMs;
  const count = Math.ceil((days * 24) / bucketHours);
  const starts = Array.from(
    { length: count },
    (_, index) => lastMs - (count - 1 - index) * bucketMs,
  );
  return { bucketMs, starts };
}

/** The report; without a ledger, an empty one. */
export async function dashReport(
  database: Database | undefined,
  { range, by, nowMs }: { range: DashRange; by: DashGroup; nowMs: number },
): Promise<DashReport> {
  const { bucketMs, starts } = bucketsOf(range, nowMs);
  const tally = new Tally(starts.length);
  if (database) {
    const statement = database.prepare<[number, number], Row>(sumsOf(by));
    // Of the ledger's time, not ours: more than an hour at once could meet a crowd.
    let widthMs = FIRST_SLICE_MS;
    for (const [bucket, startMs] of starts.entries()) {
      const endMs = startMs + bucketMs;
      for (let atMs = startMs; atMs < endMs && atMs <= nowMs;) {
        const untilMs = Math.min(atMs + widthMs, endMs);
        const beganMs = performance.now();
        for (const row of statement.all(atMs, untilMs)) tally.add(bucket, row);
        const tookMs = performance.now() - beganMs;
        if (tookMs > SLICE_MS) widthMs = Math.max(MINUTE_MS, Math.floor(widthMs / 2));
        else if (tookMs < SLICE_MS / 4) widthMs = Math.min(HOUR_MS, widthMs * 2);
        atMs = untilMs;
        await nextTurn();
      }
    }
  }
  return {
    range,
    by,
    generatedAtMs: Math.round(nowMs),
    bucketMs,
    buckets: starts,
    ...tally.result(),
    pricesAsOf: PRICES_AS_OF,
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

type OpenSum = { -readonly [K in keyof DashSum]: DashSum[K] };

/** Sums by bucket and group, and errors by bucket and kind. */
class Tally {
  readonly #length: number;
  readonly #totals: OpenSum = { ...NOTHING };
  readonly #groups = new Map<string, { total: OpenSum; sums: OpenSum[] }>();
  readonly #errors = new Map<string, number[]>();

  constructor(length: number) {
    this.#length = length;
  }

  add(bucket: number, row: Row): void {
    const counted = { ...row, errors: row.error === null ? 0 : row.requests };
    const group = this.#groups.get(row.name) ?? { total: { ...NOTHING }, sums: this.#zeros() };
    this.#groups.set(row.name, group);
    for (const sum of [this.#totals, group.total, group.sums[bucket]]) if (sum) addTo(sum, counted);
    if (row.error === null) return;
    const counts = this.#errors.get(row.error) ?? this.#noCounts();
    this.#errors.set(row.error, counts);
    counts[bucket] = (counts[bucket] ?? 0) + row.requests;
  }

  result(): Pick<DashReport, "totals" | "series" | "groups" | "moreGroups" | "errors"> {
    const sorted = [...this.#groups].sort(
      ([a, { total: one }], [b, { total: other }]) =>
        other.requests - one.requests || (a < b ? -1 : 1),
    );
    const groups = sorted.map(([group, { total }]) => ({ group, ...total }));
    return {
      totals: this.#totals,
      series: this.#series(sorted.map(([group, { sums }]) => ({ group, sums }))),
      groups: groups.slice(0, MAX_DASH_GROUPS),
      moreGroups: Math.max(0, groups.length - MAX_DASH_GROUPS),
      errors: this.#errorSeries(),
    };
  }

  #series(all: readonly { group: string; sums: OpenSum[] }[]): readonly DashSeries[] {
    const rest = all.slice(MAX_DASH_SERIES);
    if (rest.length === 0) return all;
    const together = this.#zeros();
    for (const { sums } of rest) {
      for (const [bucket, sum] of together.entries()) addTo(sum, sums[bucket] ?? NOTHING);
    }
    return [...all.slice(0, MAX_DASH_SERIES), { group: null, sums: together }];
  }

  #errorSeries(): readonly DashErrors[] {
    const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
    const all = [...this.#errors]
      .map(([code, counts]) => ({ code, counts }))
      .sort((a, b) => total(b.counts) - total(a.counts) || (a.code < b.code ? -1 : 1));
    const rest = all.slice(MAX_DASH_SERIES);
    if (rest.length === 0) return all;
    const counts = this.#noCounts().map((_, bucket) =>
      total(rest.map((kind) => kind.counts[bucket] ?? 0)),
    );
    return [...all.slice(0, MAX_DASH_SERIES), { code: null, counts }];
  }

  #zeros(): OpenSum[] {
    return Array.from({ length: this.#length }, () => ({ ...NOTHING }));
  }

  #noCounts(): number[] {
    return Array.from({ length: this.#length }, () => 0);
  }
}

function addTo(sum: OpenSum, more: DashSum): void {
  for (const field of FIELDS) sum[field] += more[field];
}
