// Metrics of several processes as one text.

import { expect, test } from "bun:test";
import { Metrics } from "./metrics.ts";
import { lastingMetrics, MetricsSnapshot, sumMetrics } from "./metrics-snapshot.ts";

function counted({ requests, lag, seconds }: { requests: number; lag: number; seconds: number[] }) {
  const metrics = new Metrics();
  metrics.counter({ name: "n_total", help: "N.", labels: ["a"] }).inc({ a: "x" }, requests);
  metrics.gauge({ name: "lag", help: "Lag.", aggregator: "max" }).set({}, lag);
  metrics.gauge({ name: "open", help: "Open." }).set({}, 2);
  const histogram = metrics.histogram({ name: "s", help: "S.", labels: ["b"], buckets: [1] });
  for (const value of seconds) histogram.observe({ b: "y" }, value);
  return metrics;
}

test("counters, histograms and gauges of several processes are added up as they were declared", async () => {
  const own = counted({ requests: 2, lag: 0.5, seconds: [0.5, 2] });
  const other = counted({ requests: 3, lag: 0.25, seconds: [0.5] });
  // As it comes over a pipe.
  const told = MetricsSnapshot.parse(JSON.parse(JSON.stringify(await other.snapshot())));
  const lines = (await own.text([told])).split("\n");
  for (const line of ['n_total{a="x"} 5', "lag 0.5", "open 4", 's_bucket{le="1",b="y"} 2']) {
    expect(lines).toContain(line);
  }
  expect(lines).toContain('s_bucket{le="+Inf",b="y"} 3');
  expect(lines).toContain('s_sum{b="y"} 3');
  expect(lines).toContain('s_count{b="y"} 3');
  const start = lines.find((line) => line.startsWith("process_start_time_seconds "));
  expect(Number(start?.split(" ")[1])).toBeCloseTo(performance.timeOrigin / 1_000, 0);
});

test("the text without others is the same as ever, help and type of each metric once", async () => {
  const metrics = counted({ requests: 1, lag: 1, seconds: [1] });
  expect(
    (await metrics.text([])).split("\n").filter((line) => /^(?:n_|lag|open|s_)/.test(line)),
  ).toEqual((await metrics.text()).split("\n").filter((line) => /^(?:n_|lag|open|s_)/.test(line)));
  const sum = await metrics.text([await metrics.snapshot()]);
  expect(sum.match(/# TYPE s histogram/g)).toHaveLength(1);
});

test("what a process that is gone had counted stays, what it was doing does not", async () => {
  const gone = await counted({ requests: 4, lag: 9, seconds: [3] }).snapshot();
  const left = sumMetrics([lastingMetrics(gone), lastingMetrics(gone)]);
  expect(left.map(({ name }) => name)).toEqual(["process_cpu_seconds_total", "n_total", "s"]);
  expect(left.find(({ name }) => name === "n_total")?.values).toEqual([
    { labels: { a: "x" }, value: 8 },
  ]);
});
