// Canonical events → Messages SSE, in the dialect's grammar: one message_start, blocks 0,1,2…
// without overlap, one message_delta, message_stop. Blocks open with their first content, because an
// empty text block is refused when it is replayed. After an error it stays silent: no false success.

import type { Carrier, Failure, ReplyEvent, Usage } from "#wire";
import type { ReplyContext, StreamEncoder } from "../format.ts";
import { legalToolId } from "../tool-id.ts";
import { encodeCitation } from "./citations.ts";
import { encodeErrorObject } from "./errors.ts";
import { encodeState } from "./opaque-state.ts";
import { encodeEnvelope, flatName } from "./reply-encoder.ts";
import { encodeStop } from "./stop-reasons.ts";
import { encodeDeltaUsage, encodeUsage } from "./usage.ts";

type Open = Extract<ReplyEvent, { type: "open" }>;
type Block = Extract<ReplyEvent, { type: "block" }>;
type Finish = Extract<ReplyEvent, { type: "finish" }>;

const PING = 'event: ping\ndata: {"type": "ping"}\n\n';

const DELTA_FIELD = {
  text: '"text_delta","text":',
  refusal: '"text_delta","text":',
  thinking: '"thinking_delta","thinking":',
  toolCall: '"input_json_delta","partial_json":',
} as const;

const FIRST_CONTENT = {
  text: '{"type":"text","text":"","citations":null}',
  refusal: '{"type":"text","text":"","citations":null}',
  thinking: '{"type":"thinking","thinking":"","signature":""}',
} as const;

/** The event that ends a stream which failed; nothing may follow it. */
export function encodeStreamError(failure: Failure): string {
  const data = { type: "error", error: encodeErrorObject(failure), request_id: null };
  return `event: error\ndata: ${JSON.stringify(data)}\n\n`;
}

class MessagesStreamEncoder implements StreamEncoder {
  readonly #context: ReplyContext;
  #index = 0;
  #open: Open | undefined;
  #hasBegunBlock = false;
  #deltaPrefix = "";
  #usage: Usage | undefined;
  #hasStarted = false;
  #hasRefusal = false;
  #hasEnded = false;

  constructor(context: ReplyContext) {
    this.#context = context;
  }

  /** A comment until message_start is out, which must be the first event; then the dialect's ping. */
  get keepAlive(): string {
    return this.#hasStarted ? PING : ": ping\n\n";
  }

  encode(event: ReplyEvent): string {
    if (this.#hasEnded) return "";
    switch (event.type) {
      case "delta":
        return this.#delta(event.text);
      case "start":
        return this.#start(event.usage);
      case "open":
        return this.#openBlock(event);
      case "citation": {
        const citation = encodeCitation(event.citation);
        return citation ? this.#begin() + this.#citation(JSON.stringify(citation)) : "";
      }
      case "close":
        return this.#close(event.carrier);
      case "block":
        return this.#block(event.part);
      case "ping":
        return this.keepAlive;
      case "finish":
        return this.#finish(event);
      case "error":
        this.#hasEnded = true;
        return encodeStreamError(event.failure);
    }
  }

  #start(usage: Usage | undefined): string {
    if (this.#hasStarted) return "";
    this.#hasStarted = true;
    this.#usage = usage;
    const message = { ...encodeEnvelope(this.#context), usage: encodeUsage(usage) };
    return `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message })}\n\n`;
  }

  #openBlock(open: Open): string {
    this.#open = open;
    this.#hasBegunBlock = false;
    this.#deltaPrefix = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#index},"delta":{"type":${DELTA_FIELD[open.kind]}`;
    if (open.kind === "refusal") this.#hasRefusal = true;
    return open.kind === "toolCall" ? this.#begin() : "";
  }

  /** content_block_start of the open block, once. */
  #begin(): string {
    const open = this.#open;
    if (!open || this.#hasBegunBlock) return "";
    this.#hasBegunBlock = true;
    if (open.kind !== "toolCall") return this.#blockStart(FIRST_CONTENT[open.kind]);
    const content = this.#blockStart(
      JSON.stringify({
        type: "tool_use",
        id: legalToolId(open.id, "messages"),
        name: flatName(open),
        input: {},
        caller: { type: "direct" },
      }),
    );
    // Free text becomes the string member of an object, escaped piece by piece.
    return open.isFreeform ? `${content}${this.#rawDelta('{"input":"')}` : content;
  }

  #blockStart(content: string): string {
    return `event: content_block_start\ndata: {"type":"content_block_start","index":${this.#index},"content_block":${content}}\n\n`;
  }

  #rawDelta(text: string): string {
    return `${this.#deltaPrefix}${JSON.stringify(text)}}}\n\n`;
  }

  #delta(text: string): string {
    const open = this.#open;
    if (!open) return "";
    const isFreeform = open.kind === "toolCall" && open.isFreeform === true;
    const piece = this.#rawDelta(isFreeform ? JSON.stringify(text).slice(1, -1) : text);
    return this.#hasBegunBlock ? piece : this.#begin() + piece;
  }

  #citation(citation: string): string {
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#index},"delta":{"type":"citations_delta","citation":${citation}}}\n\n`;
  }

  #close(carrier: Carrier | undefined): string {
    const open = this.#open;
    if (!open) return "";
    let bytes = "";
    if (open.kind === "thinking" && (this.#hasBegunBlock || carrier)) {
      const signature = JSON.stringify(encodeState(carrier));
      bytes = `${this.#begin()}event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#index},"delta":{"type":"signature_delta","signature":${signature}}}\n\n`;
    } else if (open.kind === "toolCall" && open.isFreeform) {
      bytes = this.#rawDelta('"}');
    }
    this.#open = undefined;
    return this.#hasBegunBlock ? bytes + this.#blockStop() : bytes;
  }

  #blockStop(): string {
    return `event: content_block_stop\ndata: {"type":"content_block_stop","index":${this.#index++}}\n\n`;
  }

  #block(part: Block["part"]): string {
    if (part.kind === "redacted") {
      const block = { type: "redacted_thinking", data: encodeState(part.carrier) };
      return this.#blockStart(JSON.stringify(block)) + this.#blockStop();
    }
    if (part.format === "messages") {
      return this.#blockStart(JSON.stringify(part.raw)) + this.#blockStop();
    }
    this.#context.losses.add(`reply.${part.type}`, "a provider-run tool of another format");
    return "";
  }

  #finish(event: Finish): string {
    this.#hasEnded = true;
    const { stop_reason, stop_sequence, stop_details } = encodeStop(event.stop, {
      stopSequence: event.stopSequence,
      hasRefusal: this.#hasRefusal,
    });
    const data = JSON.stringify({
      type: "message_delta",
      delta: { stop_reason, stop_sequence, stop_details, container: null },
      usage: encodeDeltaUsage(event.usage ?? this.#usage),
    });
    return `event: message_delta\ndata: ${data}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n`;
  }
}

/** An encoder for one streamed answer. */
export function createStreamEncoder(context: ReplyContext): StreamEncoder {
  return new MessagesStreamEncoder(context);
}
