// Tells those who follow the vault that it has moved, through this process or another one.
// Refuses to cost anything while nobody follows, and to wake a reader for what it may not see.

import type { Vault } from "../vault/vault.ts";
import type { View } from "./view.ts";

/** How often a change made by another process is looked for while someone follows, in ms. */
const POLL_MS = 250;

type Reader = Pick<View, "key" | "sees">;

/** Follows the vault's generation, as each kind of reader sees it. */
export class GenerationWatch {
  readonly #vault: Vault;
  readonly #pollMs: number;
  readonly #listeners = new Set<() => void>();
  readonly #stopListening: () => void;
  #poll: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;
  #seen = 0;
  #countedAt = -1;
  #counted = new Map<string, number>();

  constructor(vault: Vault, { pollMs = POLL_MS }: { pollMs?: number } = {}) {
    this.#vault = vault;
    this.#pollMs = pollMs;
    this.#stopListening = vault.onChange(() => this.#tell());
  }

  /** Calls back after each change, whoever made it; returns the way to stop. Listeners must not throw. */
  onMove(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#startPolling();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopPolling();
    };
  }

  /** Resolves when the reader's generation is another one, after `timeoutMs`, on abort, or on close. Never rejects. */
  wait(
    generation: number,
    { reader, timeoutMs, signal }: { reader: Reader; timeoutMs: number; signal: AbortSignal },
  ): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const doneWhenMoved = () => {
      if (this.#isClosed || this.#generationOf(reader) !== generation) done();
    };
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      stop();
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    signal.addEventListener("abort", done, { once: true });
    // Looked at only now: a change before the first look and after the second would be missed otherwise.
    const stop = this.onMove(doneWhenMoved);
    doneWhenMoved();
    return promise;
  }

  /** Lets everyone go; later waits return at once. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    this.#tell();
    this.#stopPolling();
  }

  // Counted once per kind of reader and change, however many of them wait. An unreadable vault counts as
  // moved: the readers who wake meet the error and report it.
  #generationOf({ key, sees }: Reader): number {
    try {
      const whole = this.#vault.generation;
      if (whole !== this.#countedAt) this.#counted = new Map();
      this.#countedAt = whole;
      const known = this.#counted.get(key) ?? this.#vault.generationSeenBy(sees);
      this.#counted.set(key, known);
      return known;
    } catch {
      return -1;
    }
  }

  #startPolling(): void {
    if (this.#poll !== undefined || this.#isClosed) return;
    this.#seen = this.#generationOf(EVERYTHING);
    this.#poll = setInterval(() => {
      if (this.#generationOf(EVERYTHING) !== this.#seen) this.#tell();
    }, this.#pollMs);
  }

  #stopPolling(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  #tell(): void {
    this.#seen = this.#generationOf(EVERYTHING);
    for (const listener of this.#listeners) listener();
  }
}

const EVERYTHING: Reader = { key: "", sees: undefined };
