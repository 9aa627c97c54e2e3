// Listens to a same-format stream without parsing it: only lines that carry usage, or may end the stream, are
// read, and so it is known at the end whether the dialect's own ending was there. Works on whole lines, so any
// split of the bytes gives the same result. Changes nothing but the model's name, where it was asked for by
// another, and what would show a credential.

import { redact } from "#platform";
import { isJsonObject, type CallerFormatId, type JsonObject, type Usage } from "#wire";
import type { Format } from "../formats/format.ts";
import { eventObject } from "./event-object.ts";
import { ModelAlias } from "./model-alias.ts";

/** Longest line that is held back until it is whole; a longer one passes in pieces, unread. */
export const MAX_TAPPED_LINE_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const EMPTY = Buffer.alloc(0);
const DONE = "[DONE]";
/** Usage that is an object. OpenAI writes `null` into every chunk but the last, and those lines are not worth finding. */
const USAGE = toBuffers(['"usage":{', '"usage": {', '"usage" :']);
const SEQUENCE = Buffer.from('"sequence_number":');
const SEQUENCE_BYTES = 40;

const ERROR = '"error"';
/** What a line must hold to be worth reading: an ending of the dialect, as the vendors and compatible hosts spell it. */
const MARKERS: Readonly<Record<CallerFormatId, readonly Buffer[]>> = {
  chat: toBuffers([DONE, '"finish_reason":"', '"finish_reason": "', ERROR]),
  messages: toBuffers(["message_stop", ERROR]),
  responses: toBuffers(["response.completed", "response.incomplete", "response.failed", ERROR]),
};

function toBuffers(texts: readonly string[]): Buffer[] {
  return texts.map((text) => Buffer.from(text));
}

/** How a stream said that it is over. */
type Ending = "finished" | "failed";

/** What a tap must know of the request. */
export interface TapOptions {
  /** The model as it was asked for and as it was sent; replaced in the answer where they differ. */
  readonly alias?: { readonly sent: string; readonly asked: string };
  /** The credential of the call: an upstream that echoes it does not show it to the caller. */
  readonly secret?: string;
  /** Takes out of a failure what no caller may see. */
  readonly conceal?: (text: string) => string;
  /** Answers that were asked for (Chat `n`); each must finish. */
  readonly choices?: number;
}

/** Taps one stream of `format`. */
export class StreamTap {
  readonly #format: Format;
  readonly #alias: ModelAlias | undefined;
  readonly #choices: number;
  readonly #conceal: (text: string) => string;
  readonly #secret: Buffer | undefined;
  readonly #finished = new Set<number>();
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #endsInBlankLine = true;
  #isRenamed = false;
  #ending: Ending | undefined;
  #sequence = "";
  /** The event that told of a failure, once one did. */
  failure: JsonObject | undefined;
  usage: Usage | undefined;

  constructor(
    format: Format,
    { alias, secret = "", choices = 1, conceal = redact }: TapOptions = {},
  ) {
    this.#format = format;
    this.#choices = choices;
    this.#conceal = conceal;
    this.#secret = secret === "" ? undefined : Buffer.from(secret);
    if (alias && alias.sent !== alias.asked) this.#alias = new ModelAlias(alias);
  }

  /** Takes one read; returns the lines it completes, as they came unless something in them must change. */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const cut = bytes.lastIndexOf(NEWLINE) + 1;
    if (cut === 0) return this.#hold(bytes);
    const lines = this.#release(cut === bytes.length ? bytes : bytes.subarray(0, cut));
    const shown = this.#pass(lines);
    if (cut === bytes.length) return shown;
    const early = this.#hold(bytes.subarray(cut));
    return early.length === 0 ? shown : Buffer.concat([shown, early]);
  }

  /** End of bytes: returns what was still held back. A line without its end counts only if it is whole. */
  flush(): Uint8Array {
    const rest = this.#release(EMPTY);
    return rest.length > 0 ? this.#pass(rest) : rest;
  }

  /** True between two events, where a comment may stand. */
  get isAtBoundary(): boolean {
    return this.#endsInBlankLine && this.#partialBytes === 0;
  }

  /** True once the dialect's own end was there, good or bad. */
  get hasEnded(): boolean {
    return this.#ending !== undefined;
  }

  /** True when that end was a failure. */
  get hasFailed(): boolean {
    return this.#ending === "failed";
  }

  /** `sequence_number` of the last event, where the dialect has one. */
  get lastSequence(): number | undefined {
    const digits = /\d+/.exec(this.#sequence);
    return digits ? Number(digits[0]) : undefined;
  }

  #rename(lines: Buffer, alias: ModelAlias): Buffer {
    if (this.#isRenamed) return lines;
    const renamed = alias.replace(lines);
    // Messages names the model in its first event only.
    this.#isRenamed = renamed !== lines && this.#format.id === "messages";
    return renamed;
  }

  #pass(lines: Buffer): Buffer {
    this.#read(lines);
    const named = this.#alias ? this.#rename(lines, this.#alias) : lines;
    const showsSecret = this.#secret !== undefined && named.indexOf(this.#secret) !== -1;
    // Vendors echo keys, whole or in part, where they complain of them.
    return showsSecret || this.hasFailed
      ? Buffer.from(this.#conceal(named.toString("utf8")))
      : named;
  }

  /** Keeps the beginning of a line; returns it instead when the line grows beyond all measure. */
  #hold(bytes: Buffer): Buffer {
    this.#partial.push(bytes);
    this.#partialBytes += bytes.length;
    return this.#partialBytes > MAX_TAPPED_LINE_BYTES ? this.#release(EMPTY) : EMPTY;
  }

  #release(bytes: Buffer): Buffer {
    if (this.#partialBytes === 0) return bytes;
    const whole = Buffer.concat([...this.#partial, bytes]);
    this.#partial = [];
    this.#partialBytes = 0;
    return whole;
  }

  #read(lines: Buffer): void {
    const done = new Set<number>();
    for (const marker of USAGE) this.#readLinesWith(marker, lines, done);
    for (const marker of MARKERS[this.#format.id]) this.#readLinesWith(marker, lines, done);
    this.#endsInBlankLine = endsInBlankLine(lines);
    if (this.#format.id !== "responses") return;
    const at = lines.lastIndexOf(SEQUENCE);
    if (at !== -1) this.#sequence = lines.toString("latin1", at, at + SEQUENCE_BYTES);
  }

  #readLinesWith(marker: Buffer, lines: Buffer, done: Set<number>): void {
    let at = lines.indexOf(marker);
    while (at !== -1) {
      const after = at + marker.length;
      const start = lines.lastIndexOf(NEWLINE, at) + 1;
      const newline = lines.indexOf(NEWLINE, after);
      const end = newline === -1 ? lines.length : newline;
      if (!done.has(start)) {
        done.add(start);
        this.#readLine(lines.toString("utf8", start, end));
      }
      at = newline === -1 ? -1 : lines.indexOf(marker, newline);
    }
  }

  #readLine(line: string): void {
    if (!line.startsWith("data:")) return;
    const data = line.slice("data:".length).trim();
    // Of Responses it is no end: some hosts add it, but only after the dialect's own.
    if (data === DONE && this.#format.id === "chat") this.#ending ??= "finished";
    const event = eventObject(data);
    if (!event) return;
    this.usage = this.#format.readUsage(event, this.usage);
    if (this.#ending) return;
    this.#ending = this.#endingOf(event);
    if (this.#ending === "failed") this.failure = event;
  }

  #endingOf(event: JsonObject): Ending | undefined {
    const { type, error } = event;
    switch (this.#format.id) {
      case "messages":
        if (type === "message_stop") return "finished";
        return type === "error" ? "failed" : undefined;
      case "responses":
        if (type === "response.completed" || type === "response.incomplete") return "finished";
        return type === "response.failed" ? "failed" : undefined;
      case "chat":
        return isJsonObject(error) ? "failed" : this.#finishChoices(event);
    }
  }

  #finishChoices({ choices }: JsonObject): Ending | undefined {
    for (const choice of Array.isArray(choices) ? choices : []) {
      if (!isJsonObject(choice)) continue;
      const { finish_reason: reason, index = 0 } = choice;
      if (typeof reason === "string" && reason !== "") this.#finished.add(Number(index));
    }
    return this.#finished.size >= this.#choices ? "finished" : undefined;
  }
}

function endsInBlankLine(lines: Buffer): boolean {
  let end = lines.length;
  let newlines = 0;
  while (end > 0 && (lines[end - 1] === NEWLINE || lines[end - 1] === CARRIAGE_RETURN)) {
    if (lines[end - 1] === NEWLINE) newlines += 1;
    end -= 1;
  }
  // What comes here is whole lines, so a lone line end is a blank line.
  return newlines > 1 || (newlines === 1 && end === 0);
}
