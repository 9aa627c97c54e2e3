// What time it is, for code that must not be fooled. A wall clock jumps: NTP corrects it, an operator sets it, a
// virtual machine resumes, a laptop wakes. Taken at its word, a clock that leaps two hours ahead makes everything
// look expired at once, and all of it is renewed in one burst that ends at a provider's rate limit.

/** Two readings of time. */
export interface Clock {
  /** Milliseconds since 1970, as far as this clock knows. */
  nowMs(): number;
  /** Milliseconds since some moment; never goes back, and no setting of the wall clock moves it. */
  monotonicMs(): number;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
};

/** A wall clock further off than this has jumped, in ms; anything nearer is drift. */
export const MAX_WALL_DRIFT_MS = 30_000;
/** How long a jump must last before it is believed, in ms of the monotonic clock. */
export const DEFAULT_SETTLE_MS = 5 * 60_000;

/** A wall clock that has left the steady time. */
export interface WallClockJump {
  /** Wall time minus steady time when it was noticed; negative for a leap back. */
  readonly byMs: number;
}

/**
 * Wall time as it was at construction, moved on by the monotonic clock. A jump of the wall clock is reported
 * once, and adopted only when it has lasted `settleMs`: a jump that is taken back never moves this time.
 *
 * While a machine sleeps the monotonic clock may stand still. After waking, this time is behind until the
 * difference has settled; what seems valid meanwhile but is not, is refused by the other side and renewed then.
 */
export class SteadyClock implements Clock {
  readonly #source: Clock;
  readonly #settleMs: number;
  readonly #onJump: (jump: WallClockJump) => void;
  /** Steady time minus monotonic time. */
  #offsetMs: number;
  #jump: { byMs: number; sinceMs: number } | undefined;

  constructor({
    source = systemClock,
    settleMs = DEFAULT_SETTLE_MS,
    onJump = () => {},
  }: { source?: Clock; settleMs?: number; onJump?: (jump: WallClockJump) => void } = {}) {
    this.#source = source;
    this.#settleMs = settleMs;
    this.#onJump = onJump;
    this.#offsetMs = source.nowMs() - source.monotonicMs();
  }

  /** The steady time, in whole ms. */
  nowMs(): number {
    const monotonicMs = this.#source.monotonicMs();
    const byMs = this.#source.nowMs() - (monotonicMs + this.#offsetMs);
    this.#judge(byMs, monotonicMs);
    return Math.floor(monotonicMs + this.#offsetMs);
  }

  monotonicMs(): number {
    return this.#source.monotonicMs();
  }

  #judge(byMs: number, monotonicMs: number): void {
    if (Math.abs(byMs) <= MAX_WALL_DRIFT_MS) {
      this.#jump = undefined;
      return;
    }
    const known = this.#jump;
    if (known === undefined) {
      this.#jump = { byMs, sinceMs: monotonicMs };
      this.#onJump({ byMs });
      return;
    }
    // It moved on: a clock that runs ten times too fast never settles.
    if (Math.abs(byMs - known.byMs) > MAX_WALL_DRIFT_MS) {
      this.#jump = { byMs, sinceMs: monotonicMs };
      return;
    }
    if (monotonicMs - known.sinceMs < this.#settleMs) return;
    this.#offsetMs += byMs;
    this.#jump = undefined;
  }
}
