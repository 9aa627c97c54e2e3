// What callers leave with the gateway for a while, in memory, bounded in number, size and time for all together. A full
// store takes room from whoever holds most of what is short, so that no caller can push out another's fair part. Refuses
// to show one caller what is another's, and what is too large alone.

/** Bounds of a store. */
export interface CallerStoreLimits {
  /** Of all callers together, like `maxBytes`. */
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** How long an entry lives after it was put. */
  readonly ttlMs: number;
  /** True when its time begins anew whenever it is asked for. */
  readonly isProlonged?: boolean;
}

/** How often what has ended is looked for, where nobody asks for it, in ms. */
export const SWEEP_MS = 60_000;

interface Held<V> {
  readonly value: V;
  readonly bytes: number;
  readonly endsAtMs: number;
}

/** The part of one caller. */
interface Part<V> {
  /** In the order in which they were last used. */
  readonly entries: Map<string, Held<V>>;
  bytes: number;
}

/** Values by caller and id. */
export class CallerStore<V> {
  readonly #limits: CallerStoreLimits;
  readonly #nowMs: () => number;
  readonly #parts = new Map<string, Part<V>>();
  #entries = 0;
  #bytes = 0;
  #sweptAtMs = 0;

  constructor(limits: CallerStoreLimits, { nowMs }: { nowMs: () => number }) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** True when nothing is held, not even what has ended. */
  get isEmpty(): boolean {
    return this.#entries === 0;
  }

  /** Undefined when it is not there, has ended, or is another caller's. */
  get(callerId: string, id: string): V | undefined {
    const held = this.#parts.get(callerId)?.entries.get(id);
    if (!held) return undefined;
    this.#remove(callerId, id);
    const nowMs = this.#nowMs();
    if (held.endsAtMs <= nowMs) return undefined;
    const { isProlonged, ttlMs } = this.#limits;
    this.#add(callerId, id, isProlonged ? { ...held, endsAtMs: nowMs + ttlMs } : held);
    return held.value;
  }

  /** Holds one of so many bytes in place of the one before it. One that is larger than the store is not held. */
  put(callerId: string, id: string, { value, bytes }: Pick<Held<V>, "value" | "bytes">): void {
    const nowMs = this.#nowMs();
    this.#remove(callerId, id);
    if (bytes > this.#limits.maxBytes) return;
    this.#add(callerId, id, { value, bytes, endsAtMs: nowMs + this.#limits.ttlMs });
    if (nowMs - this.#sweptAtMs >= SWEEP_MS) this.#sweep(nowMs);
    while (this.#entries > this.#limits.maxEntries) this.#shorten(({ entries }) => entries.size);
    while (this.#bytes > this.#limits.maxBytes) this.#shorten((part) => part.bytes);
  }

  /** True when there was one. */
  delete(callerId: string, id: string): boolean {
    return this.#remove(callerId, id);
  }

  #add(callerId: string, id: string, held: Held<V>): void {
    const part = this.#parts.get(callerId) ?? { entries: new Map<string, Held<V>>(), bytes: 0 };
    this.#parts.set(callerId, part);
    part.entries.set(id, held);
    part.bytes += held.bytes;
    this.#entries += 1;
    this.#bytes += held.bytes;
  }

  #remove(callerId: string, id: string): boolean {
    const part = this.#parts.get(callerId);
    const held = part?.entries.get(id);
    if (!part || !held) return false;
    part.entries.delete(id);
    part.bytes -= held.bytes;
    this.#entries -= 1;
    this.#bytes -= held.bytes;
    if (part.entries.size === 0) this.#parts.delete(callerId);
    return true;
  }

  /** Takes from the largest part what was used longest ago. */
  #shorten(sizeOf: (part: Part<V>) => number): void {
    let largest: string | undefined;
    let size = 0;
    for (const [callerId, part] of this.#parts) {
      if (sizeOf(part) <= size) continue;
      largest = callerId;
      size = sizeOf(part);
    }
    const [oldest] = this.#parts.get(largest ?? "")?.entries.keys() ?? [];
    if (largest !== undefined && oldest !== undefined) this.#remove(largest, oldest);
  }

  #sweep(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    for (const [callerId, { entries }] of this.#parts) {
      for (const [id, { endsAtMs }] of entries) if (endsAtMs <= nowMs) this.#remove(callerId, id);
    }
  }
}
