// Keeps the emitted reply strictly sequential: one block open at a time, each opened when its first
// text comes and closed before the next (wire/reply.ts). Refuses empty blocks and empty deltas.

import type { Citation, EmitReplyEvent, JsonObject } from "#wire";
import { DetailsCollector } from "./reasoning-details.ts";

type OpenKind = "text" | "refusal" | "thinking" | "toolCall";

/** Name and id of a tool call as the model gave them. */
export interface ToolCallHead {
  readonly id: string;
  readonly name: string;
  readonly isFreeform: boolean;
}

/** Writes blocks of one reply; state of reasoning and citations waits here for its block. */
export class BlockWriter {
  readonly #emit: EmitReplyEvent;
  readonly #provider: string;
  readonly #details = new DetailsCollector();
  #citations: Citation[] = [];
  #open: OpenKind | undefined;
  #hasRefusal = false;

  constructor(emit: EmitReplyEvent, provider: string) {
    this.#emit = emit;
    this.#provider = provider;
  }

  get hasRefusal(): boolean {
    return this.#hasRefusal;
  }

  /** Text of the given kind, in a new block when another kind is open. */
  write(kind: "text" | "refusal" | "thinking", text: string, isRaw = false): void {
    if (this.#open !== kind) {
      this.#begin(kind);
      this.#hasRefusal ||= kind === "refusal";
      this.#emit(
        kind === "thinking"
          ? { type: "open", kind, ...(isRaw && { isRaw }) }
          : { type: "open", kind },
      );
    }
    this.#emit({ type: "delta", text });
    if (kind === "text" && this.#citations.length > 0) this.#flushCitations();
  }

  openTool({ id, name, isFreeform }: ToolCallHead): void {
    this.#begin("toolCall");
    this.#emit({ type: "open", kind: "toolCall", id, name, ...(isFreeform && { isFreeform }) });
  }

  /** Argument text for the tool call that is open. */
  argument(text: string): void {
    this.#emit({ type: "delta", text });
  }

  /** A source: for the open text block, or for the next one. */
  cite(citation: Citation): void {
    this.#citations.push(citation);
    if (this.#open === "text") this.#flushCitations();
  }

  /** State to hand over when the thinking block closes, or as a block of its own. */
  addDetail(item: JsonObject): void {
    this.#details.add(item);
  }

  /** Closes whatever is open. */
  close(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const carrier = open === "thinking" ? this.#details.take(this.#provider) : undefined;
    this.#emit({ type: "close", ...(carrier && { carrier }) });
  }

  /** Closes everything; returns how many sources found no text to stand in. */
  end(): number {
    this.close();
    this.#flushDetails();
    return this.#citations.length;
  }

  #begin(kind: OpenKind): void {
    this.close();
    if (kind !== "thinking") this.#flushDetails();
    this.#open = kind;
  }

  #flushDetails(): void {
    const carrier = this.#details.take(this.#provider);
    if (!carrier) return;
    this.#emit({ type: "block", part: { kind: "redacted", carrier } });
  }

  #flushCitations(): void {
    const citations = this.#citations;
    this.#citations = [];
    for (const citation of citations) this.#emit({ type: "citation", citation });
  }
}
