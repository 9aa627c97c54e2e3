// The contract of a wire format. A format is one object: it decodes and encodes requests, replies,
// streams and errors of its dialect to and from the canonical conversation, and does nothing else:
// no I/O, no clock, no randomness but what the contexts hand in. A dialect that only upstreams speak
// is the half of it that faces them.

import type {
  CallerFormatId,
  ConversationRequest,
  EmitReplyEvent,
  Failure,
  FormatId,
  SpokenFormatId,
  Json,
  JsonObject,
  Reply,
  ReplyEvent,
  Usage,
} from "#wire";
import type { Losses } from "./losses.ts";
import type { TokenCount } from "./token-count.ts";

/** What decodeRequest may use and must fill. */
export interface DecodeContext {
  /** Where fields that have no canonical place, but do no harm when absent, are named. */
  readonly losses: Losses;
}

/** The upstream that encodeRequest writes for. */
export interface Target {
  /** Provider id; carriers of another provider are not sent. */
  readonly provider: string;
  /** Model id as the upstream knows it. */
  readonly model: string;
  /** Most output tokens of the model; Messages needs it when the caller gave no limit. */
  readonly maxOutputTokens?: number;
  /** Departures of the host from its dialect. */
  readonly quirks: Quirks;
  readonly losses: Losses;
}

/** Per-host departures from a dialect; absent means the dialect's owner behaves so. */
export interface Quirks {
  /** Chat hosts that know `max_tokens` only (most compatible ones). */
  readonly hasLegacyMaxTokens?: boolean;
  /** Chat hosts that want `system`, not `developer`, and take it anywhere only as such. */
  readonly hasNoDeveloperRole?: boolean;
  /** Hosts without freeform (custom) tools: they become functions with one string `input`. */
  readonly hasNoFreeformTools?: boolean;
  /** Chat hosts that want `reasoning_content` back with tool calls (DeepSeek, Kimi). */
  readonly wantsReasoningContent?: boolean;
  /** Chat hosts that take `system` as the first message only: later ones become marked user messages. */
  readonly hasLeadingSystemOnly?: boolean;
  /** Chat hosts whose tool call ids are nine letters and digits, no more and no fewer (Mistral). */
  readonly hasNineCharToolIds?: boolean;
  /** Chat hosts that refuse `name` on messages. */
  readonly hasNoNames?: boolean;
  /** Chat hosts that refuse tools of which some are strict and some are not (Cerebras). */
  readonly wantsOneStrictness?: boolean;
  /** Chat hosts that refuse a forced tool while they think, which they may do unasked (Kimi, Qwen). */
  readonly hasNoForcedTools?: boolean;
  /** Chat hosts that refuse a forced tool while they think, and can be told not to (DeepSeek). */
  readonly forcesToolsUnthinking?: boolean;
  /** Chat hosts that know `json_object`, but no schema. */
  readonly hasNoJsonSchema?: boolean;
  /** How requests of Chat hosts say whether to think; absent: by `reasoning_effort` alone. */
  readonly thinkingField?: ThinkingField;
  /** Name of `seed` where it has another one. */
  readonly seedField?: string;
  /** Optional request fields that the host answers with a refusal. */
  readonly refusedFields?: readonly RefusedField[];
  /** Chat hosts that may write reasoning into the text, between `<think>` and `</think>` at its beginning. */
  readonly hasThinkTags?: boolean;
  /** Hosts that pad each delta with random characters unless they are asked not to (OpenAI). */
  readonly padsStreams?: boolean;
  /** Messages hosts that cache a prompt's beginning only up to where they are asked to (Anthropic). */
  readonly cachesWhatIsMarked?: boolean;
  /** Gemini hosts that count the fields of a request, not a request as one (Vertex AI). */
  readonly hasBareTokenCount?: boolean;
}

/**
 * `thinking`: `{type}` beside the effort. `thinking_off`: the same, but only to turn it off. `enable_thinking`: a flag
 * and `thinking_budget`. `reasoning`: one object for all of it.
 */
export type ThinkingField = "thinking" | "thinking_off" | "enable_thinking" | "reasoning";

/** Fields of Chat that some hosts refuse; those that shape the answer are refused in turn, the others named as lost. */
export type RefusedField =
  | "frequency_penalty"
  | "logit_bias"
  | "parallel_tool_calls"
  | "presence_penalty"
  | "prompt_cache_key"
  | "seed"
  | "service_tier"
  | "user"
  | "verbosity";

/** What an encoder of replies knows about the request it answers. */
export interface ReplyContext {
  /** The model id as the caller asked for it; clients compare. */
  readonly model: string;
  /** Gateway-made response id without prefix: 24 characters of [a-z0-9]. */
  readonly id: string;
  /** Seconds since the epoch, when the request came in. */
  readonly createdSeconds: number;
  /** Seconds since the epoch, now; for dialects that say when an answer was complete. */
  readonly nowSeconds?: () => number;
  /** Makes further ids for items: 24 characters of [a-z0-9], stable for the caller's log only. */
  readonly newId: () => string;
  /** The decoded request; null when the answer is a replay without one. */
  readonly request: ConversationRequest | null;
  readonly losses: Losses;
}

/** What a decoder of replies knows about where they come from. */
export interface UpstreamContext {
  /** Provider id, stamped into carriers. */
  readonly provider: string;
  /** Departures of the host from its dialect. */
  readonly quirks?: Quirks;
  readonly losses: Losses;
  /** Makes ids for tool calls whose host gave none; without it they derive from the reply's own id. */
  readonly newId?: () => string;
}

/** Turns upstream SSE events into canonical events. Never throws: malformed input becomes an `error` event. */
export interface StreamDecoder {
  /**
   * True when this event, which meant one `delta` of text or thinking, would, coming again with another text, mean
   * that delta and leave the decoder as it is: then it need not be decoded (pipeline/repeated-delta.ts). Absent
   * where that is never so.
   */
  isPlainDelta?(data: string): boolean;
  /** One SSE event: its `event:` name ("" when absent) and its joined data. */
  event(name: string, data: string): void;
  /** A line that is no SSE field (llama.cpp writes `error: {…}`); ignored by most. */
  line?(field: string, value: string): void;
  /** End of bytes. Emits the missing end: `finish` where the dialect's own end was seen, else `error`. */
  end(): void;
}

/** Turns canonical events into SSE text of the dialect; may return "" for an event that shows nothing. */
export interface StreamEncoder {
  encode(event: ReplyEvent): string;
  /** Bytes for a silent connection: a comment, or the dialect's ping. */
  readonly keepAlive: string;
}

/** A wire format that upstreams speak; see the file map in gateway/README.md for how to add one. */
export interface UpstreamFormat {
  readonly id: FormatId;

  /** Canonical → body for the upstream. Throws UnsupportedParameter for what the dialect cannot say. */
  encodeRequest(request: ConversationRequest, target: Target): JsonObject;
  /**
   * Takes the reasoning out of a body for the upstream, and what binds other items to it; true when there was any.
   * Absent where every account can read what any has sealed.
   */
  dropReasoning?(body: JsonObject): boolean;
  /** Upstream's whole answer → canonical. Throws UpstreamFailed when it is none. */
  decodeReply(body: Json, context: UpstreamContext): Reply;
  createStreamDecoder(emit: EmitReplyEvent, context: UpstreamContext): StreamDecoder;
  /** Upstream's error body (parsed JSON, or text when it is none) → what went wrong. Never throws. */
  decodeError(status: number, body: Json): Failure;
  /** Absent where the dialect has no count of a request's tokens. */
  readonly tokenCount?: TokenCount;
}

/** A wire format that callers speak. */
export interface CallerFormat {
  readonly id: SpokenFormatId;
  /** Its answers are streams, whatever the body says. */
  readonly isAlwaysStream?: true;
  /** Path on the gateway: `/v1` included. */
  readonly path: string;

  /** Untrusted body → canonical. Throws InvalidRequest with the JSON path. */
  decodeRequest(body: JsonObject, context: DecodeContext): ConversationRequest;
  /** Canonical → body for the caller. */
  encodeReply(reply: Reply, context: ReplyContext): JsonObject;
  createStreamEncoder(context: ReplyContext): StreamEncoder;
  /** What went wrong → status and envelope of the dialect. */
  encodeError(failure: Failure, requestId: string): { status: number; body: JsonObject };
}

/** A wire format that callers and upstreams speak, so that bytes may pass. */
export interface Format extends UpstreamFormat, CallerFormat {
  readonly id: CallerFormatId;

  /** Same-format lane: usage in a parsed reply body or stream event, merged over what was seen before. */
  readUsage(value: JsonObject, before: Usage | undefined): Usage | undefined;
  /**
   * Same-format lane: SSE text that ends a stream of this dialect honestly after its bytes were cut off.
   * `nextSequence` continues `sequence_number` where the dialect counts.
   */
  encodeStreamCut(
    failure: Failure,
    context: ReplyContext,
    { nextSequence }: { nextSequence: number },
  ): string;
  /** Same-format lane: what went wrong, from the event of a stream that tells of it. Never throws. */
  decodeStreamFailure(event: JsonObject): Failure;
  /** Same-format lane: removes `gw1.` carriers, which no provider understands. True when any was there. */
  dropCarriers(body: JsonObject): boolean;
}
