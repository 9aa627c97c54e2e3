// Keeps as many workers as are wanted: all of them or none at the start, and one that ends by itself is replaced, later
// and later while that does not help.

import type { Logger } from "#platform";
import { settledWithin } from "./settled-within.ts";

/** When a worker that ended is replaced, in ms; doubled each time. */
export const RESTART_FIRST_MS = 100;
/** Longest wait before one is replaced, in ms. */
export const RESTART_MAX_MS = 10_000;
/** A worker that has served so long, in ms, is replaced as if it were the first. */
export const STEADY_MS = 60_000;

/** A process of a pool. */
export interface Pooled {
  /** Counted from 1; the same for one and the one that replaces it. */
  readonly number: number;
  /** Resolves when it is gone, with why. */
  readonly exited: Promise<string>;
  /** Has it finish and ends it. */
  stop(): Promise<void>;
}

/** What a pool needs. */
export interface WorkerPoolOptions<W extends Pooled, Ready> {
  readonly count: number;
  /** Starts a process; throws when there can be none. */
  readonly spawn: (number: number) => W;
  /** Has it serve; rejects when it does not, and then it ends. */
  readonly start: (worker: W) => Promise<Ready>;
  /** Told once of each process that is gone. */
  readonly onGone: (worker: W, isWanted: boolean) => void;
  readonly log: Logger;
  /** Injected by tests. */
  readonly firstWaitMs?: number;
}

/** The workers of one gateway. */
export class WorkerPool<W extends Pooled, Ready> {
  readonly #options: WorkerPoolOptions<W, Ready>;
  readonly #living = new Set<W>();
  readonly #keeping = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #isStarted = false;

  constructor(options: WorkerPoolOptions<W, Ready>) {
    this.#options = options;
  }

  /** Starts them. Rejects when one does not serve; then none does. */
  async start(): Promise<Ready> {
    const { count, spawn } = this.#options;
    try {
      const numbers = Array.from({ length: count }, (_, index) => index + 1);
      const [first] = await Promise.all(numbers.map((number) => this.#run(spawn(number), 0)));
      if (first === undefined) throw new TypeError("a pool has at least one worker");
      this.#isStarted = true;
      const served = new Set(this.living.map(({ number }) => number));
      const gone = numbers.filter((number) => !served.has(number));
      for (const number of gone) this.#track(this.#replace(number, 1, "it ended at once"));
      return first;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Those that run now. */
  get living(): readonly W[] {
    return [...this.#living];
  }

  /** Asks each something; resolves when all have answered, or after `timeoutMs`. */
  askAll(ask: (worker: W) => Promise<unknown>, timeoutMs: number): Promise<void> {
    return settledWithin(this.living.map(ask), timeoutMs);
  }

  /** Lets them finish and ends them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.living.map((worker) => worker.stop()));
    await Promise.all(this.#keeping);
  }

  #run(worker: W, failures: number): Promise<Ready> {
    this.#living.add(worker);
    const ready = this.#options.start(worker);
    this.#track(this.#keep(worker, ready, failures));
    return ready;
  }

  #track(keeping: Promise<void>): void {
    const tracked = keeping.finally(() => this.#keeping.delete(tracked));
    this.#keeping.add(tracked);
  }

  async #keep(worker: W, ready: Promise<Ready>, failures: number): Promise<void> {
    const hasServed = await ready.then(
      () => true,
      () => false,
    );
    const servedSinceMs = performance.now();
    const reason = await worker.exited;
    this.#living.delete(worker);
    this.#options.onGone(worker, this.#stopping.signal.aborted);
    const isSteady = hasServed && performance.now() - servedSinceMs >= STEADY_MS;
    await this.#replace(worker.number, isSteady ? 1 : failures + 1, reason);
  }

  async #replace(number: number, failures: number, reason: unknown): Promise<void> {
    const { spawn, log, firstWaitMs = RESTART_FIRST_MS } = this.#options;
    const { signal } = this.#stopping;
    // Before all have served, one that does not ends them all.
    if (signal.aborted || !this.#isStarted) return;
    const waitMs = Math.min(RESTART_MAX_MS, firstWaitMs * 2 ** Math.min(failures - 1, 20));
    log.error("a worker ended and is replaced", { worker: number, reason, waitMs });
    await pause(waitMs, signal);
    if (signal.aborted) return;
    let next: W;
    try {
      next = spawn(number);
    } catch (error) {
      return this.#replace(number, failures + 1, error);
    }
    this.#run(next, failures).catch((error: unknown) => {
      log.error("a worker that replaces another does not serve", { worker: number, error });
    });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
