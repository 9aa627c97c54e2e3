// Puts the caller's name of the model where an upstream writes its own: `anthropic/claude-x` was asked for,
// `claude-x` was sent, and a dated `claude-x-20260101` may come back. Touches no other value.

import { scanJson } from "#platform";

const MODEL = '"model":';
const MODEL_KEY = Buffer.from(MODEL);
const KEY = Buffer.from('"model"');
/** Longest `"model":"…"` that is looked at. */
const MAX_MEMBER_BYTES = 600;

/** The replacement in one answer. */
export class ModelAlias {
  readonly #sent: string;
  readonly #asked: string;
  readonly #shown: Buffer;
  /** What stands for the model in this answer: `"model":"…"`, once it has been seen. */
  #written: Buffer | undefined;
  /** Another model's, which nobody is to look at again in every event. */
  #other: Buffer | undefined;

  constructor({ sent, asked }: { sent: string; asked: string }) {
    this.#sent = sent;
    this.#asked = JSON.stringify(asked);
    this.#shown = Buffer.from(MODEL + this.#asked);
  }

  /** The lines of a stream with the name replaced; the same bytes where it does not stand. */
  replace(lines: Buffer): Buffer {
    const first = lines.indexOf(MODEL_KEY);
    if (first === -1) return lines;
    this.#written ??= this.#find(lines, first);
    if (!this.#written) return lines;
    const places: number[] = [];
    for (let at = lines.indexOf(this.#written, first); at !== -1;) {
      places.push(at);
      at = lines.indexOf(this.#written, at + this.#written.length);
    }
    return places.length === 0 ? lines : replaceAt(lines, places, this.#written, this.#shown);
  }

  /**
   * A whole reply with its top-level `model` replaced; the same bytes when that is not the one that was sent.
   * `model` is the value that parsing found there.
   */
  replaceTopLevel(body: Buffer, model: unknown): Buffer {
    if (typeof model !== "string" || !this.#isOurs(model)) return body;
    const range = findOnly(body, JSON.stringify(model)) ?? topLevelModel(body);
    if (!range) return body;
    return Buffer.concat([
      body.subarray(0, range.start),
      Buffer.from(this.#asked),
      body.subarray(range.end),
    ]);
  }

  #find(lines: Buffer, from: number): Buffer | undefined {
    for (let at = from; at !== -1; at = lines.indexOf(MODEL_KEY, at + 1)) {
      if (this.#other?.equals(lines.subarray(at, at + this.#other.length))) continue;
      // Both names are ASCII, and in a JSON string the key's quotes would be escaped.
      const text = lines.toString("latin1", at, at + MAX_MEMBER_BYTES);
      const member = /^"model": ?"([^"\\]*)"/.exec(text);
      if (member?.[1] === undefined) continue;
      if (this.#isOurs(member[1])) return Buffer.from(member[0]);
      this.#other ??= Buffer.from(member[0]);
    }
    return undefined;
  }

  /** The name that was sent, or that name with a date behind it. */
  #isOurs(value: string): boolean {
    if (!value.startsWith(this.#sent)) return false;
    return /^(?:[-@]\d[\d-]*)?$/.test(value.slice(this.#sent.length));
  }
}

/** The value, where the reply has one key of that name only: then it is the top-level one, and no scan is needed. */
function findOnly(body: Buffer, value: string): { start: number; end: number } | undefined {
  const at = body.indexOf(KEY);
  if (at === -1 || body.indexOf(KEY, at + 1) !== -1) return undefined;
  const start = at + MODEL.length;
  const end = start + value.length;
  // Spaces around the colon, or escapes, are for the scan to find.
  return body.toString("latin1", at, end) === MODEL + value ? { start, end } : undefined;
}

function topLevelModel(body: Buffer): { start: number; end: number } | undefined {
  try {
    return scanJson(body, { fields: ["model"] }).fields.get("model");
  } catch {
    // An upstream's odd JSON is the caller's to see as it is.
    return undefined;
  }
}

/** One copy, with what stands at `places` exchanged: a view for every piece would cost more than the bytes. */
function replaceAt(
  lines: Buffer,
  places: readonly number[],
  written: Buffer,
  shown: Buffer,
): Buffer {
  const grown = places.length * (shown.length - written.length);
  const out = Buffer.allocUnsafe(lines.length + grown);
  let from = 0;
  let to = 0;
  for (const at of places) {
    to += lines.copy(out, to, from, at);
    to += shown.copy(out, to);
    from = at + written.length;
  }
  lines.copy(out, to, from);
  return out;
}
