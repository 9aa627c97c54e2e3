// Listens to a same-format stream without parsing it: finds the few lines that carry usage, remembers the
// last line, and so knows at the end whether the dialect's own ending was there. Works on whole lines, so
// any split of the bytes gives the same result. Changes nothing but the model's name, if asked to.

import { isJsonObject, parseJson, type FormatId, type Json, type Usage } from "#wire";
import type { Format } from "../formats/format.ts";

/** Longest line that is searched for usage; a longer one passes unmetered. */
export const MAX_TAPPED_LINE_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const LETTER_N = 0x6e;
/** How much of the last line is kept to recognise an ending by. */
const LAST_LINE_BYTES = 4_096;
const EMPTY = Buffer.alloc(0);
const USAGE = Buffer.from('"usage"');
const MODEL = '"model":';
const MODEL_KEY = Buffer.from(MODEL);

const ENDINGS: Readonly<Record<FormatId, RegExp>> = {
  chat: /^data: ?\[DONE\]|"finish_reason": ?"|"error": ?\{|"choices": ?\[\]/,
  messages: /"type": ?"(message_stop|error)"/,
  responses: /"type": ?"response\.(completed|incomplete|failed)"|^data: ?\[DONE\]/,
};
const FAILURES: Readonly<Record<FormatId, RegExp>> = {
  chat: /^data: ?\{"error": ?\{/,
  messages: /"type": ?"error"/,
  responses: /"type": ?"(response\.failed|error)"/,
};

/** Taps one stream of `format`; `alias` replaces the model name the upstream was asked for. */
export class StreamTap {
  readonly #format: Format;
  readonly #alias: ModelAlias | undefined;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #lastLine: Buffer = EMPTY;
  #endsInBlankLine = true;
  #isRenamed = false;
  usage: Usage | undefined;

  constructor(format: Format, alias?: { sent: string; asked: string }) {
    this.#format = format;
    if (alias && alias.sent !== alias.asked) this.#alias = new ModelAlias(alias);
  }

  /** Takes one read; returns what to pass on: the same bytes, unless a name is replaced. */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const cut = bytes.lastIndexOf(NEWLINE) + 1;
    if (cut === 0) {
      this.#hold(bytes);
      return this.#alias ? EMPTY : chunk;
    }
    const lines = this.#release(cut === bytes.length ? bytes : bytes.subarray(0, cut));
    this.#read(lines);
    if (cut < bytes.length) this.#hold(bytes.subarray(cut));
    return this.#alias ? this.#rename(lines, this.#alias) : chunk;
  }

  /** End of bytes: returns what was still held back. */
  flush(): Uint8Array {
    const rest = this.#release(EMPTY);
    if (rest.length > 0) this.#read(rest);
    return this.#alias ? rest : EMPTY;
  }

  /** True between two events, where a comment may stand. */
  get isAtBoundary(): boolean {
    return this.#endsInBlankLine && this.#partialBytes === 0;
  }

  /** True when the last line was an end of the dialect, good or bad. */
  get hasEnded(): boolean {
    return ENDINGS[this.#format.id].test(this.#lastLine.toString("latin1"));
  }

  /** True when the last line told of a failure. */
  get hasFailed(): boolean {
    return FAILURES[this.#format.id].test(this.#lastLine.toString("latin1"));
  }

  /** `sequence_number` of the last event, where the dialect has one. */
  get lastSequence(): number | undefined {
    const match = /"sequence_number": ?(\d+)/.exec(this.#lastLine.toString("latin1"));
    return match ? Number(match[1]) : undefined;
  }

  #rename(lines: Buffer, alias: ModelAlias): Buffer {
    if (this.#isRenamed) return lines;
    const renamed = alias.replace(lines);
    // Messages names the model in its first event only.
    this.#isRenamed = renamed !== lines && this.#format.id === "messages";
    return renamed;
  }

  #hold(bytes: Buffer): void {
    if (this.#partialBytes > MAX_TAPPED_LINE_BYTES && !this.#alias) return;
    this.#partial.push(bytes);
    this.#partialBytes += bytes.length;
  }

  #release(bytes: Buffer): Buffer {
    if (this.#partialBytes === 0) return bytes;
    const whole = Buffer.concat([...this.#partial, bytes]);
    this.#partial = [];
    this.#partialBytes = 0;
    return whole;
  }

  #read(lines: Buffer): void {
    let at = lines.indexOf(USAGE);
    while (at !== -1) {
      const start = lines.lastIndexOf(NEWLINE, at) + 1;
      const newline = lines.indexOf(NEWLINE, at);
      const end = newline === -1 ? lines.length : newline;
      if (!isNull(lines, at + USAGE.length)) this.#readUsage(lines.toString("utf8", start, end));
      at = newline === -1 ? -1 : lines.indexOf(USAGE, newline);
    }
    let end = lines.length;
    let newlines = 0;
    while (end > 0 && isLineEnd(lines[end - 1])) {
      if (lines[end - 1] === NEWLINE) newlines += 1;
      end -= 1;
    }
    // What comes here is whole lines, so a lone line end is a blank line.
    this.#endsInBlankLine = newlines > 1 || (newlines === 1 && end === 0);
    const start = end === 0 ? 0 : lines.lastIndexOf(NEWLINE, end - 1) + 1;
    if (end === 0 || lines[start] === COLON) return;
    this.#lastLine = lines.subarray(start, Math.min(end, start + LAST_LINE_BYTES));
  }

  #readUsage(line: string): void {
    if (!line.startsWith("data:")) return;
    let event: Json;
    try {
      event = parseJson(line.slice("data:".length));
    } catch {
      // Not ours to judge: the bytes have gone to the caller as they came.
      return;
    }
    if (isJsonObject(event)) this.usage = this.#format.readUsage(event, this.usage);
  }
}

/** True when what follows the key is null, as OpenAI writes it into every chunk but the last. */
function isNull(bytes: Buffer, after: number): boolean {
  let at = after;
  while (bytes[at] === SPACE || bytes[at] === COLON) at += 1;
  return bytes[at] === LETTER_N;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === NEWLINE || byte === CARRIAGE_RETURN;
}

/**
 * Puts the caller's name of the model where the upstream writes its own. Vendors append dates, so the first value
 * that begins with the name that was asked for is learnt and replaced from then on. The pattern cannot match
 * inside a JSON string: its quotes would be escaped there.
 */
export class ModelAlias {
  readonly #sent: string;
  readonly #asked: string;
  /** What stands for the model in this answer: `"model":"…"`, once it has been seen. */
  #written: string | undefined;

  constructor({ sent, asked }: { sent: string; asked: string }) {
    this.#sent = `"${sent}`;
    this.#asked = `"model":${JSON.stringify(asked)}`;
  }

  /** The bytes with every such value replaced; the same bytes where there is none. */
  replace(bytes: Buffer): Buffer {
    const at = bytes.indexOf(MODEL_KEY);
    if (at === -1) return bytes;
    // latin1 keeps every byte; both names are ASCII.
    const text = bytes.toString("latin1");
    if (this.#written === undefined || !text.includes(this.#written)) {
      this.#written = this.#find(text, at);
    }
    if (this.#written === undefined) return bytes;
    return Buffer.from(
      text.replaceAll(this.#written, () => this.#asked),
      "latin1",
    );
  }

  #find(text: string, from: number): string | undefined {
    for (let at = from; at !== -1; at = text.indexOf(MODEL, at + 1)) {
      const value =
        text.charCodeAt(at + MODEL.length) === SPACE ? at + MODEL.length + 1 : at + MODEL.length;
      if (!text.startsWith(this.#sent, value)) continue;
      const end = text.indexOf('"', value + this.#sent.length);
      if (end !== -1) return text.slice(at, end + 1);
    }
    return undefined;
  }
}
