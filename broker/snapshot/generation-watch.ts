// Lets many readers wait for the vault to change, in this process or in another one.
// Refuses to cost anything while nobody waits: the file is looked at only then.

import type { Vault } from "../vault/vault.ts";

/** How often a change made by another process is looked for while someone waits, in ms. */
const POLL_MS = 250;

/** Wakes those who wait for a generation other than the one they have seen. */
export class GenerationWatch {
  readonly #vault: Vault;
  readonly #pollMs: number;
  readonly #waiters = new Set<() => void>();
  readonly #stopListening: () => void;
  #poll: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;
  #seen = 0;

  constructor(vault: Vault, { pollMs = POLL_MS }: { pollMs?: number } = {}) {
    this.#vault = vault;
    this.#pollMs = pollMs;
    this.#stopListening = vault.onChange(() => this.#wake());
  }

  /** Resolves on a change from `generation`, after `timeoutMs`, on abort, or on close. Never rejects. */
  wait(
    generation: number,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<void> {
    if (this.#isClosed || signal.aborted || this.#vault.generation !== generation) {
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      this.#waiters.delete(done);
      if (this.#waiters.size === 0) this.#stopPolling();
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    signal.addEventListener("abort", done, { once: true });
    this.#waiters.add(done);
    this.#startPolling(generation);
    return promise;
  }

  /** Lets everyone go; later waits return at once. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    this.#wake();
  }

  #startPolling(generation: number): void {
    if (this.#poll !== undefined) return;
    this.#seen = generation;
    this.#poll = setInterval(() => {
      if (this.#hasMoved()) this.#wake();
    }, this.#pollMs);
  }

  // An unreadable vault counts as changed: the readers who wake meet the error and report it.
  #hasMoved(): boolean {
    try {
      return this.#vault.generation !== this.#seen;
    } catch {
      return true;
    }
  }

  #stopPolling(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  #wake(): void {
    for (const done of this.#waiters) done();
  }
}
