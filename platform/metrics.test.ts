// Counting, and the text that Prometheus reads; what callers send must not bend or grow it.

import { afterEach, describe, expect, test } from "bun:test";
import { MAX_LABEL_LENGTH, MAX_LABEL_SETS } from "./label-sets.ts";
import { Metrics } from "./metrics.ts";
import { registerSecret } from "./redact.ts";

const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

/** The lines of one metric, without its description. */
async function linesOf(metrics: Metrics, name: string): Promise<readonly string[]> {
  const lines = (await metrics.text()).split("\n");
  return lines.filter((line) => line.startsWith(name));
}

describe("the text", () => {
  test("is Prometheus' format, and says so", async () => {
    const metrics = new Metrics();
    const requests = metrics.counter({
      name: "requests_total",
      help: "Requests.",
      labels: ["route", "status"],
    });
    requests.inc({ route: "/a", status: "200" });
    requests.inc({ status: "200", route: "/a" }, 2);
    requests.inc({ route: '"\\\n', status: "500" });
    expect(metrics.contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await metrics.text();
    expect(text).toContain("# HELP requests_total Requests.\n# TYPE requests_total counter\n");
    expect(await linesOf(metrics, "requests_total")).toEqual([
      'requests_total{route="/a",status="200"} 3',
      'requests_total{route="\\"\\\\\\n",status="500"} 1',
    ]);
  });

  test("holds gauges and histograms, with labels and without", async () => {
    const metrics = new Metrics();
    const open = metrics.gauge({ name: "streams_open", help: "Open streams." });
    open.set({}, 5);
    open.set({}, 3);
    const seconds = metrics.histogram({
      name: "call_seconds",
      help: "Calls.",
      labels: ["host"],
      buckets: [0.1, 1],
    });
    for (const value of [0.05, 0.5, 5]) seconds.observe({ host: "a" }, value);
    expect(await linesOf(metrics, "streams_open")).toEqual(["streams_open 3"]);
    expect(await linesOf(metrics, "call_seconds")).toEqual([
      'call_seconds_bucket{le="0.1",host="a"} 1',
      'call_seconds_bucket{le="1",host="a"} 2',
      'call_seconds_bucket{le="+Inf",host="a"} 3',
      'call_seconds_sum{host="a"} 5.55',
      'call_seconds_count{host="a"} 3',
    ]);
  });

  test("reads what something else keeps each time it is made", async () => {
    const metrics = new Metrics();
    let kept: number | undefined = 1;
    metrics.readGauge({ name: "kept", help: "Kept.", read: () => kept });
    metrics.readCounter({ name: "kept_total", help: "Kept.", read: () => kept });
    expect(await linesOf(metrics, "kept")).toEqual(["kept 1", "kept_total 1"]);
    kept = 7;
    expect(await linesOf(metrics, "kept")).toEqual(["kept 7", "kept_total 7"]);
    kept = undefined;
    expect(await linesOf(metrics, "kept")).toEqual(["kept 7", "kept_total 7"]);
  });

  test("tells about the process", async () => {
    const metrics = new Metrics();
    const valueOf = async (name: string) =>
      Number((await linesOf(metrics, name))[0]?.slice(name.length));
    expect(await valueOf("process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect(await valueOf("process_cpu_seconds_total")).toBeGreaterThan(0);
    const ageMs = Date.now() - 1000 * (await valueOf("process_start_time_seconds"));
    expect(ageMs).toBeGreaterThan(0);
    expect(ageMs).toBeLessThan(3_600_000);
    if (process.platform === "linux") expect(await valueOf("process_open_fds")).toBeGreaterThan(2);
  });

  test("of one set of metrics knows nothing of another", async () => {
    new Metrics().counter({ name: "mine_total", help: "Mine." }).inc({});
    expect(await linesOf(new Metrics(), "mine_total")).toEqual([]);
  });
});

describe("what is counted", () => {
  test("before and after the library is loaded is counted alike", async () => {
    const metrics = new Metrics();
    const counter = metrics.counter({ name: "n_total", help: "N." });
    counter.inc({});
    const first = metrics.text();
    counter.inc({});
    await first;
    counter.inc({});
    expect(await linesOf(metrics, "n_total")).toEqual(["n_total 3"]);
  });

  test("with a bad value is dropped, and nobody who counts is disturbed", async () => {
    const metrics = new Metrics();
    const counter = metrics.counter({ name: "n_total", help: "N." });
    const gauge = metrics.gauge({ name: "g", help: "G." });
    await metrics.text();
    for (const bad of [NaN, Infinity, -1]) counter.inc({}, bad);
    for (const bad of [NaN, -Infinity]) gauge.set({}, bad);
    expect(await linesOf(metrics, "n_total")).toEqual(["n_total 0"]);
    expect(await linesOf(metrics, "g")).toEqual(["g 0"]);
  });

  test("under more label sets than a metric may have is counted as other", async () => {
    const metrics = new Metrics();
    const counter = metrics.counter({ name: "n_total", help: "N.", labels: ["model", "user"] });
    for (let n = 0; n < MAX_LABEL_SETS + 50; n++) counter.inc({ model: `m${n}`, user: "u" });
    counter.inc({ model: "m0", user: "u" });
    const lines = await linesOf(metrics, "n_total");
    expect(lines).toHaveLength(MAX_LABEL_SETS + 1);
    expect(lines[0]).toBe('n_total{model="m0",user="u"} 2');
    expect(lines.at(-1)).toBe('n_total{model="other",user="other"} 50');
  });

  test("under labels that differ only in where one ends is kept apart", async () => {
    const metrics = new Metrics();
    const counter = metrics.counter({ name: "n_total", help: "N.", labels: ["a", "b"] });
    counter.inc({ a: "x\0", b: "y" });
    counter.inc({ a: "x", b: "\0y" });
    expect(await linesOf(metrics, "n_total")).toHaveLength(2);
  });

  test("under a label that holds a secret, or is far too long, shows neither", async () => {
    const secret = "metrics-canary-0123456789";
    registerSecret(secret);
    const metrics = new Metrics();
    const counter = metrics.counter({ name: "n_total", help: "N.", labels: ["a"] });
    counter.inc({ a: `key ${secret}` });
    counter.inc({ a: "x".repeat(10_000) });
    const text = await metrics.text();
    expect(text).not.toContain(secret);
    expect(text).not.toContain("x".repeat(MAX_LABEL_LENGTH + 1));
    expect(text).toContain("x".repeat(MAX_LABEL_LENGTH));
  });
});

test("a name is declared once", () => {
  const metrics = new Metrics();
  metrics.counter({ name: "n_total", help: "N." });
  expect(() => metrics.gauge({ name: "n_total", help: "N." })).toThrow("n_total");
});

test("a library that cannot be loaded is told to who asks for the text, and to nobody else", async () => {
  const metrics = new Metrics({ loadDelayMs: 0, load: () => Promise.reject(new Error("gone")) });
  const counter = metrics.counter({ name: "n_total", help: "N." });
  await expect(metrics.text()).rejects.toThrow("gone");
  counter.inc({});
  await expect(metrics.text()).rejects.toThrow("gone");
});

test("metrics that nobody asks for load the library by themselves, later, and do not keep a process alive", async () => {
  const file = JSON.stringify(`${import.meta.dir}/metrics.ts`);
  const script = `
    import { Metrics } from ${file};
    const isLoaded = () => Object.keys(require.cache).some((path) => path.includes("prom-client"));
    new Metrics({ loadDelayMs: 0 });
    const before = isLoaded();
    while (!isLoaded()) await new Promise((resolve) => setImmediate(resolve));
    new Metrics({ loadDelayMs: 3_600_000 });
    console.log(before, isLoaded());`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  children.push(child);
  expect(await new Response(child.stdout).text()).toBe("false true\n");
  expect(await child.exited).toBe(0);
});
