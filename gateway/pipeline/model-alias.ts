// Puts the caller's name of the model where an upstream writes its own: `anthropic/claude-x` was asked for,
// `claude-x` was sent, and a dated `claude-x-20260101` may come back. Touches no other value.

import { scanJson } from "#platform";

const MODEL = '"model":';
const MODEL_KEY = Buffer.from(MODEL);
const KEY = Buffer.from('"model"');
const SPACE = 0x20;

/** The replacement in one answer. */
export class ModelAlias {
  readonly #sent: string;
  readonly #asked: string;
  /** What stands for the model in this answer: `"model":"…"`, once it has been seen. */
  #written: string | undefined;

  constructor({ sent, asked }: { sent: string; asked: string }) {
    this.#sent = sent;
    this.#asked = JSON.stringify(asked);
  }

  /** The lines of a stream with the name replaced; the same bytes where it does not stand. */
  replace(lines: Buffer): Buffer {
    const at = lines.indexOf(MODEL_KEY);
    if (at === -1) return lines;
    // latin1 keeps every byte; both names are ASCII. In a JSON string the key's quotes would be escaped.
    const text = lines.toString("latin1");
    if (this.#written === undefined || !text.includes(this.#written)) {
      this.#written = this.#find(text, at);
    }
    if (this.#written === undefined) return lines;
    return Buffer.from(
      text.replaceAll(this.#written, () => MODEL + this.#asked),
      "latin1",
    );
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

  #find(text: string, from: number): string | undefined {
    for (let at = from; at !== -1; at = text.indexOf(MODEL, at + 1)) {
      const after = at + MODEL.length;
      const quote = text.charCodeAt(after) === SPACE ? after + 1 : after;
      const end = text.indexOf('"', quote + 1);
      if (text[quote] !== '"' || end === -1) continue;
      if (this.#isOurs(text.slice(quote + 1, end))) return text.slice(at, end + 1);
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
