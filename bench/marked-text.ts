// Text that can prove it arrived: every piece bears its number, so that a lost, doubled or swapped delta is
// found in the bytes without parsing them. Contains nothing that JSON escapes.

const FILLER = " and a few more words ";

/** Characters of one piece; about what a provider sends at once. */
export const PIECE_CHARS = 5 + FILLER.length;

function markOf(index: number): string {
  return `#${String(index).padStart(4, "0")}`;
}

/** `count` numbered pieces (at most 10,000). */
export function markedPieces(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => markOf(index) + FILLER);
}

/** What a body must hold to count as delivered. */
export interface Expectation {
  readonly pieces: number;
  /** Before this every piece must have come; absent for a reply that is not streamed. */
  readonly endOfText?: string | undefined;
  /** After it this must come. */
  readonly terminator?: string | undefined;
}

/** Checks bodies against one expectation; the search strings are made once, not per body. */
export class DeliveryCheck {
  readonly #marks: readonly Buffer[];
  readonly #endOfText: Buffer | undefined;
  readonly #terminator: Buffer | undefined;

  constructor({ pieces, endOfText, terminator }: Expectation) {
    this.#marks = Array.from({ length: pieces }, (_, index) => Buffer.from(markOf(index)));
    this.#endOfText = endOfText === undefined ? undefined : Buffer.from(endOfText);
    this.#terminator = terminator === undefined ? undefined : Buffer.from(terminator);
  }

  /** What is missing, in words; undefined when everything is there, once and in order. */
  problem(body: Buffer): string | undefined {
    const end = this.#endOfText ? body.indexOf(this.#endOfText) : body.length;
    if (end === -1) return "the end of the text is missing";
    let from = 0;
    for (const [index, mark] of this.#marks.entries()) {
      const at = body.indexOf(mark, from);
      if (at === -1 || at >= end) return `delta ${index} of ${this.#marks.length} is missing`;
      from = at + mark.length;
    }
    const again = this.#marks[0] ? body.lastIndexOf(this.#marks[0], end - 1) : -1;
    if (again > body.indexOf(this.#marks[0] ?? "")) return "the text came twice";
    if (this.#terminator && body.indexOf(this.#terminator, end) === -1) {
      return "the terminator is missing";
    }
    return undefined;
  }
}
