// The targets of one run: all of them up together for what is compared in rounds, or one alone and fresh where memory
// is read. Remembers what could not be started, and why; only a peer may fail to start where it is installed.

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "./bench-error.ts";
import type { Starter, Target, Workplace } from "./target.ts";

/** Starts targets, once or afresh, and stops them all at the end. */
export class TargetPool {
  readonly #starters: readonly Starter[];
  readonly #direct: Target;
  readonly #place: Workplace;
  readonly #cleanup: AsyncDisposableStack;
  readonly #absent = new Map<string, string>();
  #shared: Promise<readonly Target[]> | undefined;

  constructor(
    starters: readonly Starter[],
    { direct, place, cleanup }: { direct: Target; place: Workplace; cleanup: AsyncDisposableStack },
  ) {
    this.#starters = starters;
    this.#direct = direct;
    this.#place = place;
    this.#cleanup = cleanup;
  }

  get starters(): readonly Starter[] {
    return this.#starters;
  }

  /** What is left out: id → the reason, in words. */
  get absent(): ReadonlyMap<string, string> {
    return this.#absent;
  }

  /** True once the targets that are compared in rounds were asked for. */
  get hasShared(): boolean {
    return this.#shared !== undefined;
  }

  /** The mock and every target, up until the end of the run. */
  shared(): Promise<readonly Target[]> {
    this.#shared ??= this.#startAll();
    return this.#shared;
  }

  /** One target alone, in a process that has done nothing yet, for as long as `use` takes; undefined where it is absent. */
  async withFresh<T>(
    starter: Starter,
    use: (target: Target) => Promise<T>,
  ): Promise<T | undefined> {
    const target = await this.#start(starter);
    if (!target) return undefined;
    // Registered as well, because an interrupted run leaves `use` alone.
    let hasStopped = false;
    const stop = async () => {
      if (!hasStopped) await target.stop();
      hasStopped = true;
    };
    this.#cleanup.defer(stop);
    try {
      return await use(target);
    } finally {
      await stop();
    }
  }

  async #startAll(): Promise<readonly Target[]> {
    const targets = [this.#direct];
    for (const starter of this.#starters) {
      const target = await this.#start(starter);
      if (!target) continue;
      this.#cleanup.defer(target.stop);
      targets.push(target);
    }
    return targets;
  }

  async #start(starter: Starter): Promise<Target | undefined> {
    if (this.#absent.has(starter.id)) return undefined;
    const folder = mkdtempSync(join(this.#place.folder, `${starter.id}-`));
    try {
      return await starter.start(this.#direct.url, { ...this.#place, folder });
    } catch (error) {
      const isForgiven =
        error instanceof BenchError && (error.code === "not_here" || starter.isPeer === true);
      if (!isForgiven) throw error;
      this.#absent.set(starter.id, error.message);
      return undefined;
    }
  }
}
