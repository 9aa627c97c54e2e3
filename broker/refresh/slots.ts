// How many exchanges run at once, in all and at one provider, so that neither a thousand expiring grants nor a
// provider that hangs takes the machine or the others' turn. Whoever somebody waits for goes first.

/** Exchanges at once; each is a process. */
export const MAX_EXCHANGES = 16;
/** Exchanges at once with one provider. */
export const MAX_EXCHANGES_PER_PROVIDER = 6;

/** Somebody's place in the queue; one that becomes urgent moves to the front. */
export interface Turn {
  isUrgent: boolean;
}

interface Waiting {
  readonly provider: string;
  readonly turn: Turn;
  readonly go: () => void;
  readonly stop: (reason: unknown) => void;
}

/** Hands out the right to exchange. */
export class Slots {
  readonly #running = new Map<string, number>();
  readonly #waiting: Waiting[] = [];
  #total = 0;

  /** Resolves when it is this one's turn, with the way to end it. */
  async take(provider: string, turn: Turn): Promise<() => void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ provider, turn, go: resolve, stop: reject });
    this.#next();
    await promise;
    return () => this.#release(provider);
  }

  /** Turns away whoever waits. */
  close(reason: unknown): void {
    for (const { stop } of this.#waiting.splice(0)) stop(reason);
  }

  #next(): void {
    while (this.#total < MAX_EXCHANGES) {
      const ready = this.#waiting.filter(({ provider }) => this.#hasRoom(provider));
      const chosen = ready.find(({ turn }) => turn.isUrgent) ?? ready[0];
      if (chosen === undefined) return;
      this.#waiting.splice(this.#waiting.indexOf(chosen), 1);
      this.#count(chosen.provider, 1);
      chosen.go();
    }
  }

  #release(provider: string): void {
    this.#count(provider, -1);
    this.#next();
  }

  #hasRoom(provider: string): boolean {
    return (this.#running.get(provider) ?? 0) < MAX_EXCHANGES_PER_PROVIDER;
  }

  #count(provider: string, by: number): void {
    this.#total += by;
    const running = (this.#running.get(provider) ?? 0) + by;
    if (running === 0) this.#running.delete(provider);
    else this.#running.set(provider, running);
  }
}
