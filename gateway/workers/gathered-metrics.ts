// The metrics of a gateway with workers: the sum of what the primary and every worker have counted, those that are gone
// included. A worker that is killed takes what it counted in its last GATHER_EVERY_MS with it.

import { EventLoopLag, lastingMetrics, Metrics, type MetricsSnapshot, sumMetrics } from "#platform";
import { settledWithin } from "./settled-within.ts";

/** How often the workers' metrics are fetched without being asked for, in ms. */
export const GATHER_EVERY_MS = 2_000;
/** How long a worker may take to tell them, in ms; then its last ones count. */
export const GATHER_TIMEOUT_MS = 1_000;

/** One who counts. */
export interface MetricsTeller {
  readonly metrics: () => Promise<MetricsSnapshot>;
}

/** What all count together. */
export class GatheredMetrics {
  readonly #metrics = new Metrics();
  readonly #lag = new EventLoopLag();
  readonly #last = new Map<MetricsTeller, MetricsSnapshot>();
  readonly #restarts;
  readonly #timer: ReturnType<typeof setInterval>;
  #gone: MetricsSnapshot = [];

  constructor() {
    this.#metrics.readGauge({
      name: "gateway_event_loop_lag_seconds",
      help: "Longest delay of a timer in the last half minute.",
      aggregator: "max",
      read: () => this.#lag.read(),
    });
    this.#metrics.readGauge({
      name: "gateway_workers",
      help: "Worker processes that serve.",
      read: () => this.#last.size,
    });
    this.#restarts = this.#metrics.counter({
      name: "gateway_worker_exits_total",
      help: "Worker processes that ended without being asked to.",
    });
    this.#timer = setInterval(() => void this.#gather(), GATHER_EVERY_MS);
    this.#timer.unref();
  }

  add(teller: MetricsTeller): void {
    this.#last.set(teller, []);
  }

  /** It is gone; what it had counted stays. */
  remove(teller: MetricsTeller): void {
    const last = this.#last.get(teller);
    if (!last) return;
    this.#last.delete(teller);
    this.#gone = sumMetrics([this.#gone, lastingMetrics(last)]);
    this.#restarts.inc({});
  }

  /** The text for Prometheus. */
  async scrape(): Promise<string> {
    await this.#gather();
    return this.#metrics.text([...this.#last.values(), this.#gone]);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#lag.stop();
  }

  async #gather(): Promise<void> {
    const asked = [...this.#last.keys()].map(async (teller) => {
      const snapshot = await teller.metrics();
      if (this.#last.has(teller)) this.#last.set(teller, snapshot);
    });
    await settledWithin(asked, GATHER_TIMEOUT_MS);
  }
}
