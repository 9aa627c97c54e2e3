// The canonical reply, whole or as a stream of events. The stream is strictly sequential: at most one
// block is open, every open has its close, and exactly one `finish` or `error` ends it. Decoders make
// it so whatever the upstream did; encoders may rely on it.

import type { Failure } from "./failure.ts";
import type { Carrier, Citation, RedactedPart, ReplyPart, ServerToolPart } from "./conversation.ts";

/**
 * Why the model stopped. `refusal` is the model's own, `content_filter` the provider's cut,
 * `pause` a provider asking to be called again (Messages pause_turn).
 */
export type StopReason =
  | "end"
  | "stop_sequence"
  | "tool_use"
  | "max_tokens"
  | "context_window"
  | "refusal"
  | "content_filter"
  | "pause";

/** Tokens, disjoint: input + cacheRead + cacheWrite is everything that went in. */
export interface Usage {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** Of cacheWrite, the part kept for one hour, when the provider says. */
  readonly cacheWrite1h?: number;
  /** Everything that came out, reasoning included. */
  readonly output: number;
  /** Of output, the part spent on reasoning, when the provider says. */
  readonly reasoning?: number;
  /** How it was served, as the provider says (flex, priority, batch, fast …); absent for its usual service. */
  readonly serviceTier?: string;
  /** True when no provider reported these figures. */
  readonly isEstimated?: boolean;
}

/** A whole answer. */
export interface Reply {
  /** Id the upstream gave; the caller gets one of ours. */
  readonly id?: string;
  readonly model?: string;
  readonly parts: readonly ReplyPart[];
  readonly stop: StopReason;
  readonly stopSequence?: string;
  /** Absent when the upstream reported none. */
  readonly usage?: Usage;
}

/** One step of a streamed answer. */
export type ReplyEvent =
  | {
      readonly type: "start";
      readonly id?: string;
      readonly model?: string;
      readonly usage?: Usage;
    }
  | { readonly type: "open"; readonly kind: "text" | "refusal" }
  | { readonly type: "open"; readonly kind: "thinking"; readonly isRaw?: boolean }
  | {
      readonly type: "open";
      readonly kind: "toolCall";
      readonly id: string;
      readonly name: string;
      readonly namespace?: string;
      readonly isFreeform?: boolean;
    }
  /** More of the open block: text, reasoning, refusal, or argument text. Never empty. */
  | { readonly type: "delta"; readonly text: string }
  /** A source for the open text block. */
  | { readonly type: "citation"; readonly citation: Citation }
  /** Ends the open block; a thinking block may hand over its carrier here. */
  | { readonly type: "close"; readonly carrier?: Carrier }
  /** A block without deltas, between blocks. */
  | { readonly type: "block"; readonly part: RedactedPart | ServerToolPart }
  | { readonly type: "ping" }
  | {
      readonly type: "finish";
      readonly stop: StopReason;
      readonly stopSequence?: string;
      readonly usage?: Usage;
    }
  | { readonly type: "error"; readonly failure: Failure };

/** Receives canonical events, synchronously and in order. */
export type EmitReplyEvent = (event: ReplyEvent) => void;
