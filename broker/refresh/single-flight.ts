// One piece of work per id at a time, shared by all who ask for it meanwhile. Refuses to let one of them stop it
// for the others.

import type { Turn } from "./slots.ts";

interface Flight<T> {
  readonly turn: Turn;
  readonly done: Promise<T>;
}

/** Work on its way, by id. */
export class SingleFlight<T> {
  readonly #flights = new Map<number, Flight<T>>();

  has(id: number): boolean {
    return this.#flights.has(id);
  }

  /** Joins the work on an id, or starts it. The caller who aborts leaves, the work goes on. */
  join(
    id: number,
    start: (turn: Turn) => Promise<T>,
    { signal, isUrgent }: { signal?: AbortSignal | undefined; isUrgent: boolean },
  ): Promise<T> {
    const flight = this.#flights.get(id) ?? this.#takeOff(id, start);
    if (isUrgent) flight.turn.isUrgent = true;
    return signal ? leaveOnAbort(flight.done, signal) : flight.done;
  }

  /** Resolves when all that is on its way now is over, however it ends. */
  async landed(): Promise<void> {
    await Promise.allSettled([...this.#flights.values()].map(({ done }) => done));
  }

  #takeOff(id: number, start: (turn: Turn) => Promise<T>): Flight<T> {
    const turn = { isUrgent: false };
    const flight = { turn, done: start(turn) };
    this.#flights.set(id, flight);
    // Whoever waits hears of an error; nobody may be waiting.
    flight.done.catch(() => {}).finally(() => this.#flights.delete(id));
    return flight;
  }
}

async function leaveOnAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
