// How late this process comes to its work: a timer that fires late tells of something that held the only thread.

/** Ms between two looks. */
export const LAG_SAMPLE_MS = 500;
/** Looks that are remembered: half a minute. */
export const LAG_SAMPLES = 60;

/** Watches the event loop until it is stopped. */
export class EventLoopLag {
  readonly #late: number[] = [];
  readonly #timer: Timer;
  #expectedMs: number;

  constructor({ sampleMs = LAG_SAMPLE_MS } = {}) {
    this.#expectedMs = performance.now() + sampleMs;
    this.#timer = setInterval(() => this.#look(sampleMs), sampleMs);
    this.#timer.unref();
  }

  /** The longest delay of the last LAG_SAMPLES looks, in seconds; undefined before the first. */
  read(): number | undefined {
    return this.#late.length === 0 ? undefined : Math.max(...this.#late) / 1_000;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(sampleMs: number): void {
    const nowMs = performance.now();
    this.#late.push(Math.max(0, nowMs - this.#expectedMs));
    if (this.#late.length > LAG_SAMPLES) this.#late.shift();
    this.#expectedMs = nowMs + sampleMs;
  }
}
