// The places of a whole gateway, leased to workers in portions. None is ever leased twice; somebody is refused only
// when every worker has been asked for what it does not use.

import { settledWithin } from "./settled-within.ts";

/** How long a worker may take to say what it does not use, in ms. */
export const YIELD_TIMEOUT_MS = 1_000;

/** How many places are leased at once: few enough that all workers together keep half of them free. */
export function portionOf(max: number, workers: number): number {
  return Math.max(1, Math.floor(max / (workers * 4)));
}

/** One who leases places. */
export interface PlaceHolder {
  /** Hands over what it does not use. */
  readonly yieldPlaces: () => Promise<number>;
}

/** The places, and who holds how many. */
export class PlacePool {
  readonly #portion: number;
  readonly #held = new Map<PlaceHolder, number>();
  #free: number;
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ max, portion }: { max: number; portion: number }) {
    this.#free = max;
    this.#portion = portion;
  }

  /** May lease from now on. */
  add(holder: PlaceHolder): void {
    this.#held.set(holder, 0);
  }

  /** It is gone, and what it held is free. */
  remove(holder: PlaceHolder): void {
    this.#free += this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }

  /** Leases a portion at most; resolves to how many, 0 when there is none anywhere. One after the other. */
  lease(holder: PlaceHolder): Promise<number> {
    const leased = this.#turn.then(() => this.#lease(holder));
    this.#turn = leased.catch(() => {});
    return leased;
  }

  /** Takes some back. */
  giveBack(holder: PlaceHolder, count: number): void {
    const held = this.#held.get(holder);
    if (held === undefined) return;
    const given = Math.min(count, held);
    this.#held.set(holder, held - given);
    this.#free += given;
  }

  async #lease(holder: PlaceHolder): Promise<number> {
    if (this.#free === 0) await this.#recall(holder);
    const held = this.#held.get(holder);
    if (held === undefined) return 0;
    const count = Math.min(this.#free, this.#portion);
    this.#free -= count;
    this.#held.set(holder, held + count);
    return count;
  }

  async #recall(except: PlaceHolder): Promise<void> {
    const others = [...this.#held.keys()].filter((holder) => holder !== except);
    const recalled = others.map(async (holder) => {
      this.giveBack(holder, await holder.yieldPlaces());
    });
    await settledWithin(recalled, YIELD_TIMEOUT_MS);
  }
}
