// Metrics of several processes added up: what each one counted as data, and the sum of them. Refuses to guess: how a
// metric is added up is part of its declaration.

import { z } from "zod";

/** How values of several processes become one. */
export const AGGREGATORS = ["sum", "min", "max"] as const;
/** One of AGGREGATORS. */
export type Aggregator = (typeof AGGREGATORS)[number];

const Value = z.object({
  labels: z.record(z.string(), z.union([z.string(), z.number()])),
  value: z.number(),
  /** Of a histogram: its name with `_bucket`, `_sum` or `_count`. */
  metricName: z.string().optional(),
});

/** Everything that one process counted. */
export const MetricsSnapshot = z.array(
  z.object({
    name: z.string(),
    help: z.string(),
    type: z.enum(["counter", "gauge", "histogram", "summary"]),
    aggregator: z.enum(AGGREGATORS),
    values: z.array(Value),
  }),
);
/** See the schema. */
export type MetricsSnapshot = z.infer<typeof MetricsSnapshot>;

type Metric = MetricsSnapshot[number];

const COMBINE: Readonly<Record<Aggregator, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  min: Math.min,
  max: Math.max,
};

/** All of them as one, in the order in which names and labels first appear. */
export function sumMetrics(snapshots: readonly MetricsSnapshot[]): MetricsSnapshot {
  const byName = new Map<string, Metric[]>();
  for (const metric of snapshots.flat()) {
    byName.set(metric.name, [...(byName.get(metric.name) ?? []), metric]);
  }
  return [...byName.values()].flatMap(([first, ...others]) =>
    first ? [{ ...first, values: sumValues([first, ...others]) }] : [],
  );
}

/** What stays true when the process that counted it is gone: all but what is as it is now. */
export function lastingMetrics(snapshot: MetricsSnapshot): MetricsSnapshot {
  return snapshot.filter(({ type }) => type !== "gauge");
}

function sumValues(metrics: readonly [Metric, ...Metric[]]): Metric["values"] {
  const combine = COMBINE[metrics[0].aggregator];
  const sums = new Map<string, Metric["values"][number]>();
  for (const value of metrics.flatMap(({ values }) => values)) {
    const labels = Object.entries(value.labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([value.metricName, labels]);
    const known = sums.get(key);
    sums.set(key, known ? { ...known, value: combine(known.value, value.value) } : value);
  }
  return [...sums.values()];
}
