// The parts of a streamed answer that a memory of reasoning wants: reasoning with its seal, and calls by id. Holds no
// text of an answer, and costs nothing where there is no reasoning.

import type { ReplyEvent, ReplyPart } from "#wire";
import { MAX_REASONING_BYTES } from "./reasoning-store.ts";

/** Records one stream. */
export class ReplyRecorder {
  readonly #parts: ReplyPart[] = [];
  #text = "";
  #isRaw = false;
  /** True while reasoning is being told: only then are deltas of interest. */
  isOpen = false;

  /** More of the reasoning. */
  delta(text: string): void {
    // What is longer is not remembered anyway.
    if (this.#text.length <= MAX_REASONING_BYTES) this.#text += text;
  }

  /** Any other event. */
  take(event: ReplyEvent): void {
    switch (event.type) {
      case "open":
        this.isOpen = event.kind === "thinking";
        this.#text = "";
        if (event.kind === "thinking") this.#isRaw = event.isRaw ?? false;
        if (event.kind === "toolCall") {
          this.#parts.push({ kind: "toolCall", id: event.id, name: event.name, arguments: "" });
        }
        return;
      case "close":
        if (!this.isOpen) return;
        this.isOpen = false;
        this.#parts.push({
          kind: "thinking",
          text: this.#text,
          ...(this.#isRaw && { isRaw: true }),
          ...(event.carrier && { carrier: event.carrier }),
        });
        return;
      case "block":
        if (event.part.kind === "redacted") this.#parts.push(event.part);
        return;
      default:
    }
  }

  /** What was recorded, in order. */
  get parts(): readonly ReplyPart[] {
    return this.#parts;
  }
}
