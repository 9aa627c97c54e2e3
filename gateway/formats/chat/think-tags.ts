// Reasoning that a model's server left in the text: `<think>…</think>` at the very beginning of an answer becomes
// thinking. Refuses to look anywhere else, because an answer may talk about such tags.

const OPEN = "<think>";
const CLOSE = "</think>";

/** A piece of an answer. */
export interface ThinkPiece {
  readonly kind: "thinking" | "text";
  readonly text: string;
}

/** Splits one answer's text as it streams; holds back no more than a tag that may be on its way. */
export class ThinkTags {
  #state: "start" | "thinking" | "gap" | "text" = "start";
  #held = "";

  /** True when all that follows is text. */
  get isSettled(): boolean {
    return this.#state === "text";
  }

  /** The pieces that a delta completes. */
  push(delta: string): readonly ThinkPiece[] {
    this.#held += delta;
    const pieces = [...this.#start(), ...this.#think(), ...this.#rest()];
    return pieces.filter(({ text }) => text !== "");
  }

  /** What was held back in vain. */
  end(): readonly ThinkPiece[] {
    const text = this.#take(this.#held.length);
    const kind = this.#state === "thinking" ? "thinking" : "text";
    const isGap = this.#state === "gap";
    this.#state = "text";
    return text === "" || isGap ? [] : [{ kind, text }];
  }

  #start(): ThinkPiece[] {
    if (this.#state !== "start") return [];
    const begun = this.#held.trimStart();
    if (begun.startsWith(OPEN)) {
      this.#held = begun.slice(OPEN.length);
      this.#state = "thinking";
    } else if (!OPEN.startsWith(begun)) this.#state = "text";
    return [];
  }

  #think(): ThinkPiece[] {
    if (this.#state !== "thinking") return [];
    const at = this.#held.indexOf(CLOSE);
    if (at === -1) {
      return [{ kind: "thinking", text: this.#take(this.#held.length - partialTag(this.#held)) }];
    }
    const text = this.#take(at);
    this.#held = this.#held.slice(CLOSE.length);
    this.#state = "gap";
    return [{ kind: "thinking", text }];
  }

  #rest(): ThinkPiece[] {
    if (this.#state === "gap") {
      this.#held = this.#held.trimStart();
      if (this.#held !== "") this.#state = "text";
    }
    return this.#state === "text" ? [{ kind: "text", text: this.#take(this.#held.length) }] : [];
  }

  #take(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return text;
  }
}

/** How many characters at the end of `text` may be the beginning of the closing tag. */
function partialTag(text: string): number {
  for (let length = Math.min(CLOSE.length - 1, text.length); length > 0; length -= 1) {
    if (CLOSE.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
