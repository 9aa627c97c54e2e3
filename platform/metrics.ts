// What a server counts about itself, in Prometheus' text format. Refuses to slow its start (the library is
// loaded a moment later, what was counted meanwhile is added then), to grow with what callers send (label sets
// are bounded, secrets in them redacted), and to break who counts: a bad value is dropped.

import type { Counter, Gauge, Histogram, Registry } from "prom-client";
import { LabelSets } from "./label-sets.ts";
import { type Aggregator, MetricsSnapshot, sumMetrics } from "./metrics-snapshot.ts";
import { processMetrics } from "./process-metrics.ts";

/** How long after creation the library is loaded, in ms; asking for the text loads it at once. */
export const METRICS_LOAD_DELAY_MS = 1000;

/** Values of a metric's labels; every name it was declared with. */
export type Labels<Name extends string> = Readonly<Record<Name, string>>;

/** What a metric is. */
export interface MetricOptions<Name extends string> {
  /** Prometheus' form: `requests_total`, `refresh_duration_seconds`. Unique. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Name[];
  /** How it is added up over processes; `sum` where it is left out. */
  readonly aggregator?: Aggregator;
}

/** A metric whose value is asked for when the text is made; undefined keeps the last one. */
export interface ReadMetricOptions extends MetricOptions<never> {
  readonly read: () => number | undefined;
}

/** A number that only grows. */
export interface CounterMetric<Name extends string> {
  inc(labels: Labels<Name>, by?: number): void;
}

/** A number that is what it is now. */
export interface GaugeMetric<Name extends string> {
  set(labels: Labels<Name>, value: number): void;
}

/** A distribution. */
export interface HistogramMetric<Name extends string> {
  observe(labels: Labels<Name>, value: number): void;
}

/** The metrics of one process, or one test; nothing is shared. Those of the process itself are there from the start. */
export class Metrics {
  readonly contentType = "text/plain; version=0.0.4; charset=utf-8";
  readonly #names = new Set<string>();
  readonly #load: () => Promise<Library>;
  #loading: Promise<Library> | undefined;
  #library: Library | undefined;
  /** What is to be done once the library is here; undefined when it cannot be loaded. */
  #waiting: ((library: Library) => void)[] | undefined = [];

  constructor({
    loadDelayMs = METRICS_LOAD_DELAY_MS,
    load = loadLibrary,
  }: { loadDelayMs?: number; load?: () => Promise<Library> } = {}) {
    this.#load = load;
    // A failure is told to whoever asks for the text.
    setTimeout(() => void this.#loaded().catch(() => {}), loadDelayMs).unref();
    for (const { kind, ...metric } of processMetrics) {
      if (kind === "counter") this.readCounter(metric);
      else this.readGauge(metric);
    }
  }

  /** Declares a counter; throws when the name is taken. */
  counter<const Name extends string = never>(options: MetricOptions<Name>): CounterMetric<Name> {
    const declared = this.#declare(options, (library, settings) => {
      const counter = new library.Counter(settings);
      return (known) => counter.labels(known);
    });
    return {
      inc: (labels, by = 1) => {
        if (by >= 0) declared.record(labels, by, (child) => child.inc(by));
      },
    };
  }

  /** Declares a gauge; throws when the name is taken. */
  gauge<const Name extends string = never>(options: MetricOptions<Name>): GaugeMetric<Name> {
    const declared = this.#declare(options, (library, settings) => {
      const gauge = new library.Gauge(settings);
      return (known) => gauge.labels(known);
    });
    return {
      set: (labels, value) => declared.record(labels, value, (child) => child.set(value)),
    };
  }

  /** Declares a histogram with the upper bounds of its buckets; throws when the name is taken. */
  histogram<const Name extends string = never>({
    buckets,
    ...options
  }: MetricOptions<Name> & { readonly buckets: readonly number[] }): HistogramMetric<Name> {
    const declared = this.#declare(options, (library, settings) => {
      const histogram = new library.Histogram({ ...settings, buckets: [...buckets] });
      return (known) => histogram.labels(known);
    });
    return {
      observe: (labels, value) => declared.record(labels, value, (child) => child.observe(value)),
    };
  }

  /** Declares a counter that something else keeps; throws when the name is taken. */
  readCounter({ read, ...options }: ReadMetricOptions): void {
    this.#declareRead(options, (library, settings) => {
      return new library.Counter({
        ...settings,
        collect() {
          const value = read();
          if (value === undefined) return;
          this.reset();
          this.inc(value);
        },
      });
    });
  }

  /** Declares a gauge that something else knows; throws when the name is taken. */
  readGauge({ read, ...options }: ReadMetricOptions): void {
    this.#declareRead(options, (library, settings) => {
      return new library.Gauge({
        ...settings,
        collect() {
          const value = read();
          if (value !== undefined) this.set(value);
        },
      });
    });
  }

  /** Everything, in the format that `contentType` names; with the snapshots of other processes, the sum. */
  async text(others: readonly MetricsSnapshot[] = []): Promise<string> {
    const { registry, Registry } = await this.#loaded();
    if (others.length === 0) return registry.metrics();
    const sums = new Registry();
    for (const metric of sumMetrics([await this.snapshot(), ...others])) {
      // The library's own way to add up: of a metric that is printed only the values are asked for.
      sums.registerMetric(Object.assign(metric, { get: () => Promise.resolve(metric) }) as never);
    }
    return sums.metrics();
  }

  /** Everything as data, to be added up elsewhere. */
  async snapshot(): Promise<MetricsSnapshot> {
    const { registry } = await this.#loaded();
    return MetricsSnapshot.parse(await registry.getMetricsAsJSON());
  }

  #declare<const Name extends string, Child>(
    options: MetricOptions<Name>,
    create: (library: Library, settings: Settings<Name>) => (known: Labels<Name>) => Child,
  ): Declared<Name, Child> {
    const sets = new LabelSets(options.labels ?? []);
    // The library hashes the labels of each call; a child of its own for each set is hashed once.
    const children = new Map<Labels<Name>, Child>();
    let childOf: ((known: Labels<Name>) => Child) | undefined;
    this.#declareRead(options, (library, settings) => {
      childOf = create(library, settings);
    });
    const known = (labels: Labels<Name>): Child | undefined => {
      const found = children.get(labels);
      if (found !== undefined || childOf === undefined) return found;
      const child = childOf(labels);
      children.set(labels, child);
      return child;
    };
    return {
      record: (given, value, change) => {
        if (!Number.isFinite(value)) return;
        const labels = sets.bounded(given);
        this.#whenLoaded(() => {
          const child = known(labels);
          if (child !== undefined) change(child);
        });
      },
    };
  }

  #declareRead<const Name extends string>(
    { name, help, labels = [], aggregator = "sum" }: MetricOptions<Name>,
    create: (library: Library, settings: Settings<Name>) => void,
  ): void {
    if (this.#names.has(name)) throw new Error(`there is a metric ${name} already`);
    this.#names.add(name);
    this.#whenLoaded((library) => {
      const registers = [library.registry];
      create(library, { name, help, aggregator, labelNames: [...labels], registers });
    });
  }

  #whenLoaded(action: (library: Library) => void): void {
    if (this.#library === undefined) this.#waiting?.push(action);
    else action(this.#library);
  }

  #loaded(): Promise<Library> {
    this.#loading ??= this.#load().then(
      (library) => {
        this.#library = library;
        for (const action of this.#waiting?.splice(0) ?? []) action(library);
        return library;
      },
      (error: unknown) => {
        this.#waiting = undefined;
        throw error;
      },
    );
    return this.#loading;
  }
}

interface Settings<Name extends string> {
  readonly name: string;
  readonly help: string;
  readonly aggregator: Aggregator;
  readonly labelNames: Name[];
  readonly registers: Registry[];
}

interface Declared<Name extends string, Child> {
  record(labels: Labels<Name>, value: number, change: (child: Child) => void): void;
}

interface Library {
  readonly registry: Registry;
  readonly Registry: typeof Registry;
  readonly Counter: typeof Counter;
  readonly Gauge: typeof Gauge;
  readonly Histogram: typeof Histogram;
}

async function loadLibrary(): Promise<Library> {
  const [registry, counter, gauge, histogram] = await Promise.all([
    import("prom-client/lib/registry.js"),
    import("prom-client/lib/counter.js"),
    import("prom-client/lib/gauge.js"),
    import("prom-client/lib/histogram.js"),
  ]);
  return {
    registry: new registry.default(),
    Registry: registry.default,
    Counter: counter.default,
    Gauge: gauge.default,
    Histogram: histogram.default,
  };
}
