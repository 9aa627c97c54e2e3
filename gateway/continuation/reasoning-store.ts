// Where remembered reasoning lies: in memory, bounded in number, size and time for all callers together. Nothing of it is
// written anywhere, so a restart forgets it all.

import type { RedactedPart, ThinkingPart } from "#wire";
import { CallerStore } from "./caller-store.ts";

/** Most answers whose reasoning is remembered, of all callers together. */
export const MAX_REMEMBERED_ANSWERS = 20_000;
/** Most bytes of remembered reasoning, of all callers together. */
export const MAX_REMEMBERED_BYTES = 64 * 1024 * 1024;
/** Longest reasoning of one answer that is remembered, in bytes. */
export const MAX_REASONING_BYTES = 1024 * 1024;
/** How long it is remembered after it was last of use, in ms: no provider caches a conversation for longer. */
export const REASONING_TTL_MS = 60 * 60_000;

/** What an answer thought, and what only its provider can read of it. */
export type SealedReasoning = readonly (ThinkingPart | RedactedPart)[];

/** Keeps reasoning by caller and tool call, here or in another process. */
export interface ReasoningKeeper {
  /** True when nothing is kept; false where that is not known. */
  readonly isEmpty: boolean;
  /** For each of these calls what led to it; undefined where nothing is known. */
  find(
    callerId: string,
    callIds: readonly string[],
  ): readonly (SealedReasoning | undefined)[] | Promise<readonly (SealedReasoning | undefined)[]>;
  put(callerId: string, callId: string, reasoning: SealedReasoning): void;
}

/** Keeps it in this process. */
export class ReasoningStore implements ReasoningKeeper {
  readonly #kept: CallerStore<SealedReasoning>;

  constructor({ nowMs }: { nowMs: () => number }) {
    const limits = {
      maxEntries: MAX_REMEMBERED_ANSWERS,
      maxBytes: MAX_REMEMBERED_BYTES,
      ttlMs: REASONING_TTL_MS,
      isProlonged: true,
    };
    this.#kept = new CallerStore(limits, { nowMs });
  }

  get isEmpty(): boolean {
    return this.#kept.isEmpty;
  }

  find(callerId: string, callIds: readonly string[]): readonly (SealedReasoning | undefined)[] {
    return callIds.map((id) => this.#kept.get(callerId, id));
  }

  put(callerId: string, callId: string, reasoning: SealedReasoning): void {
    this.#kept.put(callerId, callId, { value: reasoning, bytes: reasoningBytes(reasoning) });
  }
}

/** True for what an answer thought. */
export function isReasoning(part: { readonly kind: string }): part is ThinkingPart | RedactedPart {
  return part.kind === "thinking" || part.kind === "redacted";
}

/** About what it takes to remember it. */
export function reasoningBytes(reasoning: SealedReasoning): number {
  return reasoning.reduce((sum, part) => {
    const text = part.kind === "thinking" ? part.text : "";
    return sum + Buffer.byteLength(text) + (part.carrier?.data.length ?? 0);
  }, 0);
}
