// Responses that can be gone on from, in memory and within bounds: the oldest go first. A caller finds its own only.
// Nothing is written anywhere, so a restart forgets them all.

import type { Json, JsonObject } from "#wire";

/** A response and the whole conversation that led to it. */
export interface StoredResponse {
  /** As its caller got it. */
  readonly response: JsonObject & { readonly id: string };
  /** Every input item, those of the responses before it included. */
  readonly input: readonly Json[];
}

/** Keeps responses, here or in another process. */
export interface ResponseKeeper {
  /** Undefined when it is not there, has expired, or is another caller's. */
  get(
    callerId: string,
    id: string,
  ): StoredResponse | undefined | Promise<StoredResponse | undefined>;
  /** Keeps one, and drops the oldest beyond the bounds; one that alone is too large is not kept. */
  put(callerId: string, stored: StoredResponse): void | Promise<void>;
  /** True when there was one. */
  delete(callerId: string, id: string): boolean | Promise<boolean>;
}

/** Bounds of a store. */
export interface ResponseStoreLimits {
  readonly maxEntries: number;
  /** Of the JSON text of all together. */
  readonly maxBytes: number;
  readonly ttlMs: number;
}

interface Entry {
  readonly stored: StoredResponse;
  readonly bytes: number;
  readonly expiresAtMs: number;
}

/** Keeps responses by caller and id, in this process. */
export class ResponseStore implements ResponseKeeper {
  readonly #limits: ResponseStoreLimits;
  readonly #nowMs: () => number;
  /** In the order in which they were last used. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(limits: ResponseStoreLimits, { nowMs }: { nowMs: () => number }) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  get(callerId: string, id: string): StoredResponse | undefined {
    const key = keyOf(callerId, id);
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#remove(key, entry);
    if (entry.expiresAtMs <= this.#nowMs()) return undefined;
    this.#add(key, entry);
    return entry.stored;
  }

  put(callerId: string, stored: StoredResponse): void {
    const bytes = Buffer.byteLength(JSON.stringify(stored));
    this.delete(callerId, stored.response.id);
    if (bytes > this.#limits.maxBytes) return;
    const expiresAtMs = this.#nowMs() + this.#limits.ttlMs;
    this.#add(keyOf(callerId, stored.response.id), { stored, bytes, expiresAtMs });
    for (const [key, entry] of this.#entries) {
      const { maxEntries, maxBytes } = this.#limits;
      if (this.#entries.size <= maxEntries && this.#bytes <= maxBytes) return;
      this.#remove(key, entry);
    }
  }

  delete(callerId: string, id: string): boolean {
    const key = keyOf(callerId, id);
    const entry = this.#entries.get(key);
    if (entry) this.#remove(key, entry);
    return entry !== undefined;
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

function keyOf(callerId: string, id: string): string {
  return JSON.stringify([callerId, id]);
}
