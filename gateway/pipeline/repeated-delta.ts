// A shortcut for the one thing streams are full of: events that differ from the one before in their text alone.
// Where an upstream event is the same JSON around another string, the string is cut out and nothing is parsed.
// Refuses to guess: one character of difference elsewhere, and the decoder reads the event as always.

import type { ReplyEvent } from "#wire";

/** After so many events in a row that did not repeat, a stream is taken to be of the other sort (random padding). */
export const MAX_MISSES = 16;

/** Remembers the last event that meant one delta and nothing else; one per stream. */
export class RepeatedDelta {
  #name = "";
  #head = "";
  #tail = "";
  #isLearnt = false;
  #misses = 0;

  /** The text of an event that repeats the learnt one; undefined when it must be decoded. */
  match(name: string, data: string): string | undefined {
    if (!this.#isLearnt || name !== this.#name) return undefined;
    if (!data.startsWith(this.#head) || !data.endsWith(this.#tail)) return undefined;
    const start = this.#head.length;
    const end = data.length - this.#tail.length;
    if (end < start) return undefined;
    const text = data.slice(start, end);
    // A quote may end the string early, and then this is another event.
    if (text.includes('"')) return undefined;
    const plain = text.includes("\\") ? unescape(text) : text;
    if (plain !== undefined) this.#misses = 0;
    return plain;
  }

  /** Takes what the decoder made of an event that did not match. */
  observe(name: string, data: string, emitted: readonly ReplyEvent[]): void {
    this.#isLearnt = false;
    const [only, second] = emitted;
    if (only?.type !== "delta" || second || this.#misses > MAX_MISSES) return;
    this.#misses += 1;
    const string = JSON.stringify(only.text);
    const at = data.indexOf(string);
    // Only where the text stands once is it certain which string it is.
    if (at === -1 || data.indexOf(string, at + 1) !== -1) return;
    this.#name = name;
    this.#head = data.slice(0, at + 1);
    this.#tail = data.slice(at + string.length - 1);
    this.#isLearnt = true;
  }
}

function unescape(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(`"${text}"`);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
