// Turns whatever a caller hands to the log into plain, bounded, redacted JSON values, so that printing
// can neither leak, throw, loop nor grow without end. Refuses to call into objects it does not know.

import { isSecretName, knownSecretCount, redact } from "./redact.ts";

/** Longer strings are cut, after redaction. */
export const MAX_LOGGED_STRING = 4096;
/** Deeper values become a mark. */
export const MAX_LOGGED_DEPTH = 6;
/** One line carries at most this many values. */
export const MAX_LOGGED_VALUES = 500;

const MAX_REDACTED_INPUT = 65_536;
const HIDDEN = "[redacted]";
const CUT = "[…]";

type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

interface Walk {
  left: number;
}

/** Named values as they may be printed; keys are redacted too. Never throws. */
export function toLoggable(fields: Readonly<Record<string, unknown>>): { [key: string]: Plain } {
  const walk: Walk = { left: MAX_LOGGED_VALUES };
  return entriesToObject(Object.entries(fields), { walk, depth: 0, isSecret: false });
}

/** Short strings repeat from line to line; most of what redaction costs is spent on them. */
const MAX_REMEMBERED_TEXTS = 1_000;
const MAX_REMEMBERED_CHARS = 48;
const texts = new Map<string, string>();
let textsSecretCount = 0;

function rememberedText(text: string): string {
  if (textsSecretCount !== knownSecretCount() || texts.size > MAX_REMEMBERED_TEXTS) {
    texts.clear();
    textsSecretCount = knownSecretCount();
  }
  const known = texts.get(text);
  if (known !== undefined) return known;
  const safe = redact(text);
  texts.set(text, safe);
  return safe;
}

/** One string as it may be printed: redacted, then cut. */
export function toLoggableText(text: string): string {
  if (text.length <= MAX_REMEMBERED_CHARS) return rememberedText(text);
  // Redaction comes first: a secret cut in half is no longer recognised.
  const safe = redact(text.slice(0, MAX_REDACTED_INPUT));
  if (safe.length <= MAX_LOGGED_STRING && text.length <= MAX_REDACTED_INPUT) return safe;
  return `${safe.slice(0, MAX_LOGGED_STRING)}… (${text.length} characters)`;
}

interface Place {
  readonly walk: Walk;
  readonly depth: number;
  /** Under a field named like a secret, where every string is hidden. */
  readonly isSecret: boolean;
}

interface LoggableName {
  readonly text: string;
  readonly isSecret: boolean;
}

/** Field names are few and repeat on every line; what is not worth remembering is not. */
const MAX_REMEMBERED_NAMES = 1_000;
const names = new Map<string, LoggableName>();

function loggableName(name: string): LoggableName {
  const known = names.get(name);
  if (known) return known;
  const made = { text: toLoggableText(name), isSecret: isSecretName(name) };
  if (names.size < MAX_REMEMBERED_NAMES && name.length <= 64) names.set(name, made);
  return made;
}

function toPlain(value: unknown, place: Place): Plain {
  try {
    if (place.walk.left-- <= 0) return CUT;
    return typeof value === "object" && value !== null
      ? objectToPlain(value, place)
      : scalarToPlain(value, place);
  } catch {
    return "[unreadable]";
  }
}

function scalarToPlain(value: unknown, { isSecret }: Place): Plain {
  if (value === null || value === undefined || typeof value === "boolean") return value ?? null;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (isSecret) return HIDDEN;
  if (typeof value === "function") return "[function]";
  return toLoggableText(String(value));
}

function objectToPlain(value: object, place: Place): Plain {
  if (place.depth >= MAX_LOGGED_DEPTH) return CUT;
  const inner = { ...place, depth: place.depth + 1 };
  if (value instanceof Error) return errorToPlain(value, inner);
  if (Array.isArray(value)) return arrayToPlain(value, inner);
  if (value instanceof Headers || value instanceof Map || value instanceof URLSearchParams) {
    return entriesToObject(value.entries(), inner);
  }
  if (value instanceof Set) return arrayToPlain([...value], inner);
  if (value instanceof URL) return scalarToPlain(value.href, inner);
  if (value instanceof Date) return scalarToPlain(value.toJSON(), inner);
  if (value instanceof Request) {
    return entriesToObject(
      [
        ["method", value.method],
        ["url", value.url],
      ],
      inner,
    );
  }
  if (value instanceof Response) return entriesToObject([["status", value.status]], inner);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return `[${value.byteLength} bytes]`;
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return toPlain(value.toJSON(), inner);
  }
  return entriesToObject(Object.entries(value), inner);
}

function arrayToPlain(values: readonly unknown[], place: Place): Plain {
  const [name, second] = values;
  // A header as a pair: ["x-api-key", "value"].
  if (values.length === 2 && typeof name === "string" && isSecretName(name)) {
    return [toLoggableText(name), toPlain(second, { ...place, isSecret: true })];
  }
  const plain: Plain[] = [];
  for (const value of values) {
    plain.push(toPlain(value, place));
    if (place.walk.left <= 0) break;
  }
  return plain;
}

/** A code of ours, such as `port_in_use`: the error was foreseen, and its message is written to be read. */
const FORESEEN = /^[a-z]+(?:_[a-z]+)*$/;

function errorToPlain(error: Error, place: Place): Plain {
  const isForeseen = "code" in error && typeof error.code === "string" && FORESEEN.test(error.code);
  const entries: [string, unknown][] = [
    ["type", error.name],
    ["message", error.message],
    // Where a foreseen error was thrown helps nobody, and a page of it hides what the message says.
    ["stack", isForeseen ? undefined : error.stack],
  ];
  for (const [key, value] of Object.entries(error)) {
    // Bun adds where a native error was made; the stack says it already.
    if (key !== "name" && key !== "message" && key !== "stack") entries.push([key, value]);
  }
  if (error.cause !== undefined) entries.push(["cause", causeOf(error.cause, isForeseen)]);
  if (error instanceof AggregateError) entries.push(["errors", error.errors]);
  return entriesToObject(entries, place);
}

// What a foreseen error was made from is named: the rest of it is in the message already.
function causeOf(cause: unknown, isForeseen: boolean): unknown {
  if (!isForeseen || !(cause instanceof Error)) return cause;
  return "code" in cause ? `${cause.name} ${String(cause.code)}: ${cause.message}` : cause;
}

function entriesToObject(
  entries: Iterable<[unknown, unknown]>,
  place: Place,
): { [key: string]: Plain } {
  const plain: { [key: string]: Plain } = Object.create(null);
  for (const [key, value] of entries) {
    if (value === undefined || typeof value === "function") continue;
    const name = loggableName(String(key));
    const isSecret = place.isSecret || name.isSecret;
    plain[name.text] = toPlain(value, isSecret === place.isSecret ? place : { ...place, isSecret });
    if (place.walk.left <= 0) break;
  }
  return plain;
}
