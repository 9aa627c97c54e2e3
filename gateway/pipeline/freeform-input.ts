// Reads the one string of `{"input": "…"}` while it streams: a freeform tool reached a model as a function,
// and its client wants the raw text back, piece by piece. A model that answers in another shape gets its
// text through unchanged, at the end; nothing is lost and nothing throws.

/** Where in `{"input":"…"}` the reader stands. */
type State = "before" | "inside" | "after" | "foreign";

const OPENING = /^\s*\{\s*"input"\s*:\s*"/;
/** Longer than any sane opening with white space; past it the shape is foreign. */
const MAX_OPENING_CHARS = 64;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** The `input` of a complete argument text, or the text itself when it has another shape. */
export function unwrapFreeform(argumentText: string): string {
  const input = new FreeformInput();
  return input.push(argumentText) + input.end();
}

/** The `input` of arguments in which it does not come first; the text itself where there is none. */
function findInput(argumentText: string): string {
  if (argumentText.trim() === "{}") return "";
  try {
    const value: unknown = JSON.parse(argumentText);
    const isObject = typeof value === "object" && value !== null && "input" in value;
    return isObject && typeof value.input === "string" ? value.input : argumentText;
  } catch {
    return argumentText;
  }
}

/** Incremental unwrapFreeform; one per call. */
export class FreeformInput {
  #state: State = "before";
  #pending = "";
  #all = "";

  /** Takes argument text as it arrives and returns the part of the input it completes. */
  push(text: string): string {
    if (this.#state === "after") return "";
    this.#pending += text;
    if (this.#state === "before") this.#open();
    if (this.#state === "foreign") {
      this.#all += this.#pending;
      this.#pending = "";
      return "";
    }
    return this.#state === "inside" ? this.#read() : "";
  }

  /** Ends the call; returns what could not be streamed. */
  end(): string {
    if (this.#state === "before") return findInput(this.#pending);
    if (this.#state === "foreign") return findInput(this.#all);
    return "";
  }

  #open(): void {
    const opening = OPENING.exec(this.#pending);
    if (opening) {
      this.#state = "inside";
      this.#pending = this.#pending.slice(opening[0].length);
    } else if (this.#pending.length > MAX_OPENING_CHARS) {
      this.#state = "foreign";
    }
  }

  #read(): string {
    const text = this.#pending;
    let out = "";
    let from = 0;
    for (;;) {
      const at = text.slice(from).search(/["\\]/);
      if (at === -1) {
        this.#pending = "";
        return out + text.slice(from);
      }
      const mark = from + at;
      out += text.slice(from, mark);
      if (text[mark] === '"') {
        this.#state = "after";
        this.#pending = "";
        return out;
      }
      const escape = readEscape(text, mark);
      if (!escape) {
        this.#pending = text.slice(mark);
        return out;
      }
      out += escape.char;
      from = mark + escape.length;
    }
  }
}

function readEscape(text: string, at: number): { char: string; length: number } | undefined {
  const letter = text[at + 1];
  if (letter === undefined) return undefined;
  if (letter !== "u") return { char: ESCAPES[letter] ?? letter, length: 2 };
  if (text.length < at + 6) return undefined;
  return { char: String.fromCharCode(Number.parseInt(text.slice(at + 2, at + 6), 16)), length: 6 };
}
