// A map that forgets: entries end with their time, and the one unused for longest goes when it is full. Without it,
// whatever callers can name would grow memory for ever.

interface Held<V> {
  readonly value: V;
  readonly endsAtMs: number;
}

/** Most entries, and how long one lives without being used, in ms. */
export interface BoundedMapOptions {
  readonly maxEntries: number;
  readonly ttlMs: number;
}

/** Values by key, for a while. */
export class BoundedMap<V> {
  readonly #options: BoundedMapOptions;
  readonly #held = new Map<string, Held<V>>();

  constructor(options: BoundedMapOptions) {
    this.#options = options;
  }

  /** True when nothing is held, not even what has ended. */
  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** The value, unless its time is over; asking does not prolong it. */
  get(key: string, nowMs: number): V | undefined {
    const held = this.#held.get(key);
    if (!held) return undefined;
    if (held.endsAtMs > nowMs) return held.value;
    this.#held.delete(key);
    return undefined;
  }

  /** Holds a value from now on. */
  set(key: string, value: V, nowMs: number): void {
    // Insertion order is the order of use.
    this.#held.delete(key);
    this.#held.set(key, { value, endsAtMs: nowMs + this.#options.ttlMs });
    if (this.#held.size <= this.#options.maxEntries) return;
    const [oldest] = this.#held.keys();
    if (oldest !== undefined) this.#held.delete(oldest);
  }

  delete(key: string): void {
    this.#held.delete(key);
  }
}
