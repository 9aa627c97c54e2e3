// A shortcut for the one thing streams are full of: events that differ from the one before in their text alone.
// Where an upstream event is the same JSON around another string, the string is cut out and nothing is parsed; a
// counter and padding, which tell no decoder anything, may differ as well. Refuses to guess: one character of
// difference elsewhere, and the decoder reads the event as always.

import type { ReplyEvent } from "#wire";

/** After so many events in a row that did not repeat, a stream is taken to be of another sort. */
export const MAX_MISSES = 16;

/** What differs from event to event in Responses, and in Chat as OpenAI writes it. */
const NOISE = /"sequence_number": ?(?<count>\d+)|"obfuscation": ?"(?<padding>[^"\\]*)"/dg;

const BACKSLASH = 0x5c;

/** A place where events differ: after `before`, which they all have. */
interface Gap {
  readonly before: string;
  readonly holds: "text" | "count" | "padding";
}

/** Remembers the last event that meant one delta and nothing else; one per stream. */
export class RepeatedDelta {
  #name = "";
  #gaps: readonly Gap[] = [];
  #end = "";
  #isLearnt = false;
  #misses = 0;

  /** The text of an event that repeats the learnt one; undefined when it must be decoded. */
  match(name: string, data: string): string | undefined {
    if (!this.#isLearnt || name !== this.#name) return undefined;
    const text = this.#cut(data);
    const plain = text?.includes("\\") ? unescape(text) : text;
    if (plain !== undefined) this.#misses = 0;
    return plain;
  }

  /** The text as it stands in the event. */
  #cut(data: string): string | undefined {
    let text: string | undefined;
    let at = 0;
    for (const { before, holds } of this.#gaps) {
      if (!data.startsWith(before, at)) return undefined;
      const start = at + before.length;
      at = holds === "count" ? endOfDigits(data, start) : data.indexOf('"', start);
      if (at === -1) return undefined;
      if (holds === "text") text = data.slice(start, at);
      // Such padding could hold a quote, and then this is another event.
      else if (data.charCodeAt(at - 1) === BACKSLASH) return undefined;
    }
    return at + this.#end.length === data.length && data.endsWith(this.#end) ? text : undefined;
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
    this.#learn(name, data, { start: at + 1, end: at + string.length - 1 });
  }

  #learn(name: string, data: string, text: Range): void {
    const found = [{ ...text, holds: "text" } as const, ...noiseIn(data)];
    if (new Set(found.map(({ holds }) => holds)).size < found.length) return;
    let from = 0;
    this.#gaps = found
      .toSorted((a, b) => a.start - b.start)
      .map(({ start, end, holds }) => {
        const before = data.slice(from, start);
        from = end;
        return { before, holds };
      });
    this.#end = data.slice(from);
    this.#name = name;
    this.#isLearnt = true;
  }
}

interface Range {
  readonly start: number;
  readonly end: number;
}

// A text that quotes such a field has its quotes escaped, so it is never taken for one.
function noiseIn(data: string): (Range & Pick<Gap, "holds">)[] {
  return [...data.matchAll(NOISE)].flatMap(({ indices }) =>
    (["count", "padding"] as const).flatMap((holds) => {
      const range = indices?.groups?.[holds];
      return range ? [{ start: range[0], end: range[1], holds }] : [];
    }),
  );
}

/** Where the digits at `from` end; -1 when there are none. */
function endOfDigits(data: string, from: number): number {
  let at = from;
  for (let code = data.charCodeAt(at); code >= 0x30 && code <= 0x39; code = data.charCodeAt(at)) {
    at += 1;
  }
  return at === from ? -1 : at;
}

function unescape(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(`"${text}"`);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
