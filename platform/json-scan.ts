// One pass over a JSON body before anything is built from it: depth, size and grammar are checked on
// the bytes, and requested top-level values are located, so a bomb costs a scan and a body can be
// patched in place. Refuses doubled keys among the requested ones: two readers would see two bodies.

import { type Json, parseJson } from "#wire";
import { JsonScanError, type JsonScanErrorCode } from "./json-scan-error.ts";

/** Containers inside containers; deeper bodies make JSON.stringify recurse for seconds. */
export const MAX_JSON_DEPTH = 200;
/** Values in one body, containers and scalars alike. */
export const MAX_JSON_NODES = 1_000_000;

/** Bytes of one value: from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a scan found. */
export interface JsonScan {
  /** Requested top-level fields that are present. */
  readonly fields: ReadonlyMap<string, ByteRange>;
}

interface ScanLimits {
  readonly fields?: readonly string[];
  readonly maxDepth?: number;
  readonly maxNodes?: number;
}

/**
 * Checks grammar, depth and number of values, and locates top-level fields. What is inside strings
 * (escapes, UTF-8) is left to the parser. Throws JsonScanError.
 */
export function scanJson(bytes: Uint8Array, limits: ScanLimits): JsonScan {
  return new Scanner(bytes, limits, { isStrict: false }).run();
}

/** Parses a body: limits first, UTF-8 checked, integers kept exact. Throws JsonScanError with a position. */
export function readJson(bytes: Uint8Array, limits: Omit<ScanLimits, "fields"> = {}): Json {
  scanJson(bytes, limits);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new JsonScanError("json_malformed", "invalid UTF-8", bytes, firstInvalidUtf8(bytes));
  }
  try {
    return parseJson(text);
  } catch (error) {
    // Only now is it worth looking into every string: it names the place that the parser does not.
    new Scanner(bytes, limits, { isStrict: true }).run();
    throw error;
  }
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const NEWLINE = 0x0a;

// Below this a loop is faster than a native search; most keys and short values end sooner.
const SHORT_STRING = 32;
const LITERALS: Readonly<Record<number, Uint8Array>> = {
  0x74: new TextEncoder().encode("true"),
  0x66: new TextEncoder().encode("false"),
  0x6e: new TextEncoder().encode("null"),
};

const utf8 = new TextDecoder("utf-8", { fatal: true });

class Scanner {
  readonly #bytes: Uint8Array;
  readonly #maxDepth: number;
  readonly #maxNodes: number;
  readonly #wanted: readonly string[];
  readonly #isStrict: boolean;
  readonly #fields = new Map<string, ByteRange>();
  #at = 0;
  #depth = 0;
  #nodes = 0;

  constructor(
    bytes: Uint8Array,
    { fields = [], maxDepth = MAX_JSON_DEPTH, maxNodes = MAX_JSON_NODES }: ScanLimits,
    { isStrict }: { isStrict: boolean },
  ) {
    this.#bytes = bytes;
    this.#maxDepth = maxDepth;
    this.#maxNodes = maxNodes;
    this.#wanted = fields;
    this.#isStrict = isStrict;
  }

  run(): JsonScan {
    const bytes = this.#bytes;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
    this.#skipSpace();
    if (this.#at >= bytes.length) this.#fail("the body is empty, a JSON value is expected");
    this.#value();
    this.#skipSpace();
    if (this.#at < bytes.length) this.#fail("unexpected text after the JSON value");
    return { fields: this.#fields };
  }

  #value(): void {
    if (++this.#nodes > this.#maxNodes) {
      this.#fail(`more than ${this.#maxNodes} JSON values`, "json_too_many_nodes");
    }
    const first = this.#bytes[this.#at];
    if (first === QUOTE) this.#string();
    else if (first === OPEN_OBJECT) this.#object();
    else if (first === OPEN_ARRAY) this.#array();
    else this.#scalar(first);
  }

  #enter(): void {
    if (++this.#depth > this.#maxDepth) {
      this.#fail(`JSON nested deeper than ${this.#maxDepth}`, "json_too_deep");
    }
    this.#at++;
    this.#skipSpace();
  }

  #leave(): void {
    this.#depth--;
    this.#at++;
  }

  #array(): void {
    this.#enter();
    if (this.#bytes[this.#at] === CLOSE_ARRAY) return this.#leave();
    for (;;) {
      this.#value();
      this.#skipSpace();
      const next = this.#bytes[this.#at];
      if (next === CLOSE_ARRAY) return this.#leave();
      if (next !== COMMA) this.#fail("expected , or ] in an array");
      this.#at++;
      this.#skipSpace();
    }
  }

  #object(): void {
    this.#enter();
    if (this.#bytes[this.#at] === CLOSE_OBJECT) return this.#leave();
    for (;;) {
      this.#member();
      this.#skipSpace();
      const next = this.#bytes[this.#at];
      if (next === CLOSE_OBJECT) return this.#leave();
      if (next !== COMMA) this.#fail("expected , or } in an object");
      this.#at++;
      this.#skipSpace();
    }
  }

  #member(): void {
    const keyStart = this.#at;
    if (this.#bytes[keyStart] !== QUOTE) this.#fail("expected a key in double quotes");
    this.#string();
    const keyEnd = this.#at;
    this.#skipSpace();
    if (this.#bytes[this.#at] !== COLON) this.#fail("expected : after a key");
    this.#at++;
    this.#skipSpace();
    const start = this.#at;
    this.#value();
    if (this.#depth === 1 && this.#wanted.length > 0) {
      this.#keep(keyStart, keyEnd, { start, end: this.#at });
    }
  }

  #keep(keyStart: number, keyEnd: number, range: ByteRange): void {
    const key = this.#wanted.find((name) => this.#isKey(name, keyStart, keyEnd));
    if (key === undefined) return;
    if (this.#fields.has(key)) {
      this.#fail(`the key ${JSON.stringify(key)} occurs twice`, "json_duplicate_key", keyStart);
    }
    this.#fields.set(key, range);
  }

  /** True when the quoted key spells `name`, which is ASCII; escapes are undone only where there are any. */
  #isKey(name: string, start: number, end: number): boolean {
    const bytes = this.#bytes;
    const { length } = name;
    // Every character may be written as a six-byte escape.
    if (end - start - 2 < length || end - start - 2 > length * 6) return false;
    for (let index = 0; index < length; index++) {
      const byte = bytes[start + 1 + index];
      if (byte === BACKSLASH) return decodeKey(bytes.subarray(start, end)) === name;
      if (byte !== name.charCodeAt(index)) return false;
    }
    return end - start - 2 === length;
  }

  #string(): void {
    if (this.#isStrict) return this.#strictString();
    const bytes = this.#bytes;
    let at = this.#at + 1;
    const near = Math.min(at + SHORT_STRING, bytes.length);
    for (; at < near; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#at = at + 1;
        return;
      }
      if (byte === BACKSLASH) at++;
    }
    this.#at = endOfString(bytes, at) ?? this.#failUnterminated();
  }

  #strictString(): void {
    const start = this.#at;
    for (this.#at++; this.#at < this.#bytes.length; this.#at++) {
      const byte = this.#bytes[this.#at] ?? 0;
      if (byte === QUOTE) {
        this.#at++;
        return;
      }
      if (byte < 0x20) this.#fail("a control character in a string must be escaped");
      if (byte === BACKSLASH) this.#escape();
    }
    this.#at = start;
    this.#failUnterminated();
  }

  #escape(): void {
    const escape = String.fromCharCode(...this.#bytes.subarray(this.#at + 1, this.#at + 6));
    const length = /^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(escape)?.[0].length;
    if (length === undefined) this.#fail("an invalid escape in a string");
    this.#at += length;
  }

  #scalar(first: number | undefined): void {
    const literal = first === undefined ? undefined : LITERALS[first];
    if (literal !== undefined) return this.#literal(literal);
    if (first === MINUS || isDigit(first)) return this.#number();
    this.#fail("expected a JSON value");
  }

  #number(): void {
    if (this.#bytes[this.#at] === MINUS) this.#at++;
    if (this.#bytes[this.#at] === ZERO) this.#at++;
    else this.#digits();
    if (this.#bytes[this.#at] === POINT) {
      this.#at++;
      this.#digits();
    }
    // e or E
    if (((this.#bytes[this.#at] ?? 0) | 0x20) !== 0x65) return;
    this.#at++;
    const sign = this.#bytes[this.#at];
    if (sign === MINUS || sign === PLUS) this.#at++;
    this.#digits();
  }

  #digits(): void {
    if (!isDigit(this.#bytes[this.#at])) this.#fail("a number lacks a digit");
    while (isDigit(this.#bytes[this.#at])) this.#at++;
  }

  #literal(literal: Uint8Array): void {
    for (const byte of literal) {
      if (this.#bytes[this.#at] !== byte) this.#fail("expected a JSON value");
      this.#at++;
    }
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== NEWLINE && byte !== 0x0d && byte !== 0x09) return;
      this.#at++;
    }
  }

  #failUnterminated(): never {
    this.#fail("a string has no closing quote");
  }

  #fail(problem: string, code: JsonScanErrorCode = "json_malformed", offset = this.#at): never {
    throw new JsonScanError(code, problem, this.#bytes, Math.min(offset, this.#bytes.length));
  }
}

/** The position after the closing quote, searching from a byte that is not escaped. */
function endOfString(bytes: Uint8Array, from: number): number | undefined {
  let clean = from;
  for (;;) {
    const quote = bytes.indexOf(QUOTE, clean);
    if (quote === -1) return undefined;
    let backslashes = 0;
    while (quote - backslashes > clean && bytes[quote - backslashes - 1] === BACKSLASH) {
      backslashes++;
    }
    clean = quote + 1;
    if (backslashes % 2 === 0) return clean;
  }
}

function isDigit(byte = 0): boolean {
  return byte >= ZERO && byte <= NINE;
}

function decodeKey(quoted: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(quoted);
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The byte at which the text stops being UTF-8; the length when the last character is cut off. */
function firstInvalidUtf8(bytes: Uint8Array): number {
  const chunkBytes = 65_536;
  const byChunk = new TextDecoder("utf-8", { fatal: true });
  let from = 0;
  while (from < bytes.length && accepts(byChunk, bytes.subarray(from, from + chunkBytes))) {
    from += chunkBytes;
  }
  if (from >= bytes.length) return bytes.length;
  // Back to the start of a character that a chunk border may have split.
  for (let back = 0; back < 3 && from > 0 && isContinuation(bytes[from]); back++) from--;
  const byByte = new TextDecoder("utf-8", { fatal: true });
  while (from < bytes.length && accepts(byByte, bytes.subarray(from, from + 1))) from++;
  return from;
}

function accepts(decoder: TextDecoder, part: Uint8Array): boolean {
  try {
    decoder.decode(part, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function isContinuation(byte = 0): boolean {
  return (byte & 0xc0) === 0x80;
}
