// Folds a canonical event stream into the reply it spells, so that a streamed answer can be compared
// with, or returned as, a whole one. Throws on an event order the contract of reply.ts forbids.

import type { Citation, ReplyPart } from "./conversation.ts";
import type { Failure } from "./failure.ts";
import type { Reply, ReplyEvent, StopReason, Usage } from "./reply.ts";

type Open = Extract<ReplyEvent, { type: "open" }>;

/** A decoder broke the sequence that reply.ts promises; always a bug of ours. */
export class ReplyEventOrderError extends Error {
  readonly code = "reply_event_order";
}

/** Collects events until the end; one assembler per stream. */
export class ReplyAssembler {
  #id: string | undefined;
  #model: string | undefined;
  #usage: Usage | undefined;
  #parts: ReplyPart[] = [];
  #open: Open | undefined;
  #text: string[] = [];
  #citations: Citation[] = [];
  #hasStarted = false;
  #end: { stop: StopReason; stopSequence?: string } | undefined;
  #failure: Failure | undefined;

  /** Takes the next event; throws ReplyEventOrderError when it may not come now. */
  push(event: ReplyEvent): void {
    if (this.#end || this.#failure) throw new ReplyEventOrderError(`${event.type} after the end`);
    switch (event.type) {
      case "start":
        if (this.#hasStarted) throw new ReplyEventOrderError("second start");
        this.#hasStarted = true;
        this.#id = event.id;
        this.#model = event.model;
        this.#usage = event.usage;
        return;
      case "ping":
        return;
      case "error":
        this.#failure = event.failure;
        return;
      default:
        if (!this.#hasStarted) throw new ReplyEventOrderError(`${event.type} before start`);
        this.#pushBody(event);
    }
  }

  #pushBody(event: Exclude<ReplyEvent, { type: "start" | "ping" | "error" }>): void {
    switch (event.type) {
      case "open":
        if (this.#open) throw new ReplyEventOrderError("open while a block is open");
        this.#open = event;
        this.#text = [];
        this.#citations = [];
        return;
      case "delta":
        if (!this.#open) throw new ReplyEventOrderError("delta outside a block");
        if (event.text === "") throw new ReplyEventOrderError("empty delta");
        this.#text.push(event.text);
        return;
      case "citation":
        if (this.#open?.kind !== "text") throw new ReplyEventOrderError("citation outside text");
        this.#citations.push(event.citation);
        return;
      case "close":
        this.#close(event);
        return;
      case "block":
        if (this.#open) throw new ReplyEventOrderError("block inside a block");
        this.#parts.push(event.part);
        return;
      case "finish":
        if (this.#open) throw new ReplyEventOrderError("finish while a block is open");
        this.#usage = event.usage ?? this.#usage;
        this.#end = {
          stop: event.stop,
          ...(event.stopSequence !== undefined && { stopSequence: event.stopSequence }),
        };
    }
  }

  #close(event: Extract<ReplyEvent, { type: "close" }>): void {
    const open = this.#open;
    if (!open) throw new ReplyEventOrderError("close without open");
    this.#open = undefined;
    const text = this.#text.join("");
    switch (open.kind) {
      case "text":
        this.#parts.push({
          kind: "text",
          text,
          ...(this.#citations.length > 0 && { citations: this.#citations }),
        });
        return;
      case "refusal":
        this.#parts.push({ kind: "refusal", text });
        return;
      case "thinking":
        this.#parts.push({
          kind: "thinking",
          text,
          ...(open.isRaw && { isRaw: true }),
          ...(event.carrier && { carrier: event.carrier }),
        });
        return;
      case "toolCall":
        this.#parts.push({
          kind: "toolCall",
          id: open.id,
          name: open.name,
          ...(open.namespace !== undefined && { namespace: open.namespace }),
          arguments: text === "" && !open.isFreeform ? "{}" : text,
          ...(open.isFreeform && { isFreeform: true }),
        });
    }
  }

  /** The failure that ended the stream, if one did. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** The finished reply; undefined until `finish`, and for ever after an error. */
  get reply(): Reply | undefined {
    if (!this.#end) return undefined;
    return {
      ...(this.#id !== undefined && { id: this.#id }),
      ...(this.#model !== undefined && { model: this.#model }),
      parts: this.#parts,
      ...this.#end,
      ...(this.#usage && { usage: this.#usage }),
    };
  }
}
