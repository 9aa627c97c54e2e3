// Responses that can be gone on from, in memory and within bounds. A caller finds its own only, and no caller pushes out
// what is another's fair part. Nothing is written anywhere, so a restart forgets them all.

import type { Json, JsonObject } from "#wire";
import { CallerStore, type CallerStoreLimits } from "./caller-store.ts";

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
  /** Keeps one, and drops beyond the bounds what whoever keeps most used longest ago; one that alone is too large is not kept. */
  put(callerId: string, stored: StoredResponse): void | Promise<void>;
  /** True when there was one. */
  delete(callerId: string, id: string): boolean | Promise<boolean>;
}

/** Bounds of a store; the bytes are those of the JSON text. */
export type ResponseStoreLimits = CallerStoreLimits;

/** Keeps responses by caller and id, in this process. */
export class ResponseStore implements ResponseKeeper {
  readonly #kept: CallerStore<StoredResponse>;

  constructor(limits: ResponseStoreLimits, { nowMs }: { nowMs: () => number }) {
    this.#kept = new CallerStore(limits, { nowMs });
  }

  get(callerId: string, id: string): StoredResponse | undefined {
    return this.#kept.get(callerId, id);
  }

  put(callerId: string, stored: StoredResponse): void {
    const bytes = Buffer.byteLength(JSON.stringify(stored));
    this.#kept.put(callerId, stored.response.id, { value: stored, bytes });
  }

  delete(callerId: string, id: string): boolean {
    return this.#kept.delete(callerId, id);
  }
}
