// Counts what is served at once, and refuses beyond the limit instead of queueing in silence.

import { GatewayError } from "../errors.ts";

/** Seconds a caller is asked to wait when too many requests are in flight. */
export const BUSY_RETRY_AFTER_SECONDS = 1;

/** Takes the place of one request; returns, or resolves to, what gives it back. Throws, or rejects, when all are taken. */
export interface Places {
  /** Places taken now. */
  readonly count: number;
  enter(): (() => void) | Promise<() => void>;
}

/** The places of all requests of one process. */
export class InFlight implements Places {
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes a place; returns what gives it back, once. Throws when all are taken. */
  enter(): () => void {
    if (this.#count >= this.#max) throw tooManyInFlight(this.#max);
    this.#count += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#count -= 1;
      isHeld = false;
    };
  }
}

/** What a caller is told when there is no place left. */
export function tooManyInFlight(max: number): GatewayError {
  const message = `The gateway is serving ${max} requests already; try again shortly.`;
  return new GatewayError(
    { kind: "overloaded", message, code: "too_many_in_flight" },
    { headers: { "retry-after": String(BUSY_RETRY_AFTER_SECONDS) } },
  );
}
