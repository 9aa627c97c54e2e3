// Counts what happened within the last minute or day, in steps: what happened in a step counts until the whole step
// has left the window, so never more than the limit fits into any window, and at worst one step less.

/** A sum over the last `windowMs`. */
export class SlidingWindow {
  readonly #stepMs: number;
  readonly #steps: Float64Array;
  #total = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor({ windowMs, steps }: { windowMs: number; steps: number }) {
    this.#stepMs = windowMs / steps;
    // One more than fits: the step that has only partly left still counts.
    this.#steps = new Float64Array(steps + 1);
  }

  /** Adds to the step of now; a negative amount takes back what was added too much. */
  add(nowMs: number, amount: number): void {
    this.#moveTo(nowMs);
    const index = this.#index(this.#last);
    this.#steps[index] = (this.#steps[index] ?? 0) + amount;
    this.#total += amount;
  }

  /** What the window holds now. */
  sum(nowMs: number): number {
    this.#moveTo(nowMs);
    return this.#total;
  }

  /** Ms until at least `amount` of what is held has left the window; the whole window when it never holds as much. */
  waitMs(nowMs: number, amount: number): number {
    this.#moveTo(nowMs);
    let gone = 0;
    for (let step = this.#last - this.#steps.length + 1; step <= this.#last; step += 1) {
      gone += this.#steps[this.#index(step)] ?? 0;
      if (gone >= amount) return (step + this.#steps.length) * this.#stepMs - nowMs;
    }
    return this.#stepMs * (this.#steps.length - 1);
  }

  #moveTo(nowMs: number): void {
    // A clock that was set back counts on in the step it had reached.
    const step = Math.max(this.#last, Math.floor(nowMs / this.#stepMs));
    if (step === this.#last) return;
    const passed = Math.min(step - this.#last, this.#steps.length);
    for (let back = 0; back < passed; back += 1) {
      const index = this.#index(step - back);
      this.#total -= this.#steps[index] ?? 0;
      this.#steps[index] = 0;
    }
    this.#last = step;
  }

  #index(step: number): number {
    const { length } = this.#steps;
    return ((step % length) + length) % length;
  }
}
