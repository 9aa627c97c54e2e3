// Keeps as many workers as are wanted: all of them or none at the start, and one that ends by itself is replaced, later
// and later while that does not help.

import type { Logger } from "#platform";
import type { WorkerHandle, WorkerReady } from "./worker-handle.ts";
import { settledWithin } from "./settled-within.ts";

/** When a worker that ended is replaced, in ms; doubled each time. */
export const RESTART_FIRST_MS = 100;
/** Longest wait before one is replaced, in ms. */
export const RESTART_MAX_MS = 10_000;
/** A worker that has served so long, in ms, is replaced as if it were the first. */
export const STEADY_MS = 60_000;

/** What a pool needs. */
export interface WorkerPoolOptions {
  readonly count: number;
  /** Starts a process. */
  readonly spawn: (number: number) => WorkerHandle;
  /** Has it serve; rejects when it cannot. */
  readonly start: (worker: WorkerHandle) => Promise<WorkerReady>;
  /** Told once of each process that is gone. */
  readonly onGone: (worker: WorkerHandle, isWanted: boolean) => void;
  readonly log: Logger;
}

/** The workers of one gateway. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #living = new Set<WorkerHandle>();
  readonly #keeping = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Starts them. Rejects when one does not serve; then none does. */
  async start(): Promise<WorkerReady> {
    const { count } = this.#options;
    const begun = Array.from({ length: count }, (_, index) => this.#begin(index + 1));
    try {
      const [first] = await Promise.all(begun);
      if (!first) throw new TypeError("a pool has at least one worker");
      return first;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Those that run now. */
  get living(): readonly WorkerHandle[] {
    return [...this.#living];
  }

  /** Asks each something; resolves when all have answered, or after `timeoutMs`. */
  askAll(ask: (worker: WorkerHandle) => Promise<unknown>, timeoutMs: number): Promise<void> {
    return settledWithin(this.living.map(ask), timeoutMs);
  }

  /** Lets them finish and ends them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.living.map((worker) => worker.stop()));
    await Promise.all(this.#keeping);
  }

  async #begin(number: number, failures = 0): Promise<WorkerReady> {
    const worker = this.#options.spawn(number);
    this.#living.add(worker);
    const ready = this.#options.start(worker);
    const kept = this.#keep(worker, ready, failures).finally(() => this.#keeping.delete(kept));
    this.#keeping.add(kept);
    return ready;
  }

  async #keep(worker: WorkerHandle, ready: Promise<WorkerReady>, failures: number): Promise<void> {
    const { onGone, log } = this.#options;
    const hasServed = await ready.then(
      () => true,
      () => false,
    );
    const servedSinceMs = performance.now();
    const reason = await worker.exited;
    this.#living.delete(worker);
    const { signal } = this.#stopping;
    onGone(worker, signal.aborted);
    // The first start is all or nothing.
    if (signal.aborted || (!hasServed && failures === 0)) return;
    const isSteady = hasServed && performance.now() - servedSinceMs >= STEADY_MS;
    const more = isSteady ? 1 : failures + 1;
    const waitMs = Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** Math.min(more - 1, 20));
    log.error("a worker ended and is replaced", { worker: worker.number, reason, waitMs });
    await pause(waitMs, signal);
    if (signal.aborted) return;
    this.#begin(worker.number, more).catch((error: unknown) => {
      log.error("a worker could not be replaced; it is tried again", { error });
    });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
