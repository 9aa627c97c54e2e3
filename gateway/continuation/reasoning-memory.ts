// Sealed reasoning of answers to Chat clients, most of which hand none of it back: kept in memory for a while by the
// tool call that it led to, and put where it was when the call comes back. Refuses to give one caller, or one provider,
// what is another's. A restart forgets it all; the turn then goes on without, as encoders have it.

import type { ConversationRequest, RedactedPart, ReplyPart, ThinkingPart, Turn } from "#wire";
import { legalToolId } from "../formats/tool-id.ts";
import { CallerStore } from "./caller-store.ts";

/** Most answers whose reasoning is remembered, of all callers together. */
export const MAX_REMEMBERED_ANSWERS = 20_000;
/** Most bytes of remembered reasoning, of all callers together. */
export const MAX_REMEMBERED_BYTES = 64 * 1024 * 1024;
/** Longest reasoning of one answer that is remembered, in bytes. */
export const MAX_REASONING_BYTES = 1024 * 1024;
/** How long it is remembered after it was last of use, in ms: no provider caches a conversation for longer. */
export const REASONING_TTL_MS = 60 * 60_000;

type Reasoning = ThinkingPart | RedactedPart;

/** Reasoning by caller and tool call. */
export class ReasoningMemory {
  readonly #kept: CallerStore<readonly Reasoning[]>;

  constructor({ nowMs }: { nowMs: () => number }) {
    const limits = {
      maxEntries: MAX_REMEMBERED_ANSWERS,
      maxBytes: MAX_REMEMBERED_BYTES,
      ttlMs: REASONING_TTL_MS,
      isProlonged: true,
    };
    this.#kept = new CallerStore(limits, { nowMs });
  }

  /** Keeps the sealed reasoning of an answer that calls a tool; any other answer leaves no trace. */
  keep(callerId: string, parts: readonly ReplyPart[]): void {
    const call = parts.find((part) => part.kind === "toolCall");
    if (!call) return;
    const sealed = parts.filter(isReasoning).filter(({ carrier }) => carrier !== undefined);
    if (sealed.length === 0) return;
    const bytes = sealed.reduce((sum, part) => sum + bytesOf(part), 0);
    if (bytes > MAX_REASONING_BYTES) return;
    // By the id that a client of Chat was given.
    this.#kept.put(callerId, legalToolId(call.id, "chat"), { value: sealed, bytes });
  }

  /** The request with the reasoning of its tool calls where it was; the same one when none is known or missing. */
  restore(
    request: ConversationRequest,
    { callerId, providerId }: { callerId: string; providerId: string },
  ): ConversationRequest {
    if (this.#kept.isEmpty) return request;
    let isChanged = false;
    const turns = request.turns.map((turn) => {
      const known = this.#of(turn, callerId);
      if (!known?.every(({ carrier }) => carrier?.provider === providerId)) return turn;
      isChanged = true;
      return { ...turn, parts: [...known, ...turn.parts.filter((part) => !isReasoning(part))] };
    });
    return isChanged ? { ...request, turns } : request;
  }

  #of({ role, parts }: Turn, callerId: string): readonly Reasoning[] | undefined {
    if (role !== "assistant") return undefined;
    const call = parts.find((part) => part.kind === "toolCall");
    if (!call || parts.some((part) => isReasoning(part) && part.carrier !== undefined)) {
      return undefined;
    }
    return this.#kept.get(callerId, call.id);
  }
}

function isReasoning(part: { readonly kind: string }): part is Reasoning {
  return part.kind === "thinking" || part.kind === "redacted";
}

function bytesOf(part: Reasoning): number {
  const text = part.kind === "thinking" ? part.text : "";
  return Buffer.byteLength(text) + (part.carrier?.data.length ?? 0);
}
