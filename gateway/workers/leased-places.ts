// The places of one worker: it holds some of the gateway's, so that a request takes one without asking, and asks the
// primary when it has none left. What it holds and nobody uses goes back when the primary wants it.

import { tooManyInFlight, type Places } from "../http/in-flight.ts";

/** What places are leased with. */
export interface LeasedPlacesOptions {
  /** Of the whole gateway. */
  readonly max: number;
  /** How many unused ones are kept. */
  readonly keep: number;
  /** Asks for more; resolves to how many there are, 0 when the whole gateway has none left. */
  readonly ask: () => Promise<number>;
  readonly giveBack: (count: number) => void;
}

/** Places in flight, leased. */
export class LeasedPlaces implements Places {
  readonly #options: LeasedPlacesOptions;
  readonly #waiting: PromiseWithResolvers<() => void>[] = [];
  #used = 0;
  #spare = 0;
  #isAsking = false;

  constructor(options: LeasedPlacesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#used;
  }

  enter(): (() => void) | Promise<() => void> {
    if (this.#spare > 0) return this.#take();
    const waiting = Promise.withResolvers<() => void>();
    this.#waiting.push(waiting);
    if (!this.#isAsking) void this.#askForMore();
    return waiting.promise;
  }

  /** Hands over all that is not used; returns how many. */
  yield(): number {
    const count = this.#spare;
    this.#spare = 0;
    return count;
  }

  #take(): () => void {
    this.#spare -= 1;
    this.#used += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#used -= 1;
      this.#spare += 1;
      this.#serve();
      const surplus = this.#spare - this.#options.keep;
      if (surplus <= 0) return;
      this.#spare -= surplus;
      this.#options.giveBack(surplus);
    };
  }

  #serve(): void {
    while (this.#spare > 0) {
      const first = this.#waiting.shift();
      if (!first) return;
      first.resolve(this.#take());
    }
  }

  async #askForMore(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const more = await this.#options.ask().catch(() => 0);
      this.#spare += more;
      this.#serve();
      if (more > 0) continue;
      for (const { reject } of this.#waiting.splice(0)) reject(tooManyInFlight(this.#options.max));
    }
    this.#isAsking = false;
  }
}
