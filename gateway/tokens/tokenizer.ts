// Asks the tokenizer's thread, which is started by the first count and ended when nobody has asked for a while.
// Refuses to load anything in the thread that serves.

import { Worker } from "node:worker_threads";
import { z } from "zod";

/** The thread ends after so long without a count; its memory is worth more than its start. */
export const IDLE_MS = 5 * 60_000;

/** Counts the tokens of texts, each by itself. */
export type CountText = (texts: readonly string[]) => Promise<number>;

const Counted = z.object({ id: z.number(), tokens: z.number() });

/** A tokenizer on a thread of its own. */
export class Tokenizer {
  readonly #idleMs: number;
  readonly #waiting = new Map<number, PromiseWithResolvers<number>>();
  #worker: Worker | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #lastId = 0;

  constructor({ idleMs = IDLE_MS }: { idleMs?: number } = {}) {
    this.#idleMs = idleMs;
  }

  /** True while the thread runs. */
  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  /** Rejects when the thread dies. */
  readonly count: CountText = (texts) => {
    clearTimeout(this.#idle);
    const counted = Promise.withResolvers<number>();
    const id = (this.#lastId += 1);
    this.#waiting.set(id, counted);
    this.#worker ??= this.#start();
    this.#worker.postMessage({ id, texts });
    return counted.promise;
  };

  /** Ends the thread; a later count starts another. */
  stop(): void {
    clearTimeout(this.#idle);
    this.#end(new Error("the tokenizer was stopped"));
  }

  #start(): Worker {
    const worker = new Worker(new URL("./tokenizer-worker.ts", import.meta.url));
    worker.unref();
    worker.on("message", (message) => this.#receive(message));
    worker.on("error", (error) => this.#end(error));
    return worker;
  }

  #receive(message: unknown): void {
    const { id, tokens } = Counted.parse(message);
    this.#waiting.get(id)?.resolve(tokens);
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#idle = setTimeout(() => this.stop(), this.#idleMs);
    this.#idle.unref();
  }

  #end(reason: unknown): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
    for (const counted of this.#waiting.values()) counted.reject(reason);
    this.#waiting.clear();
  }
}
