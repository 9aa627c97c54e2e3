// JSON as this project handles it: values that survive parse → print unchanged.
// Refuses to lose integers beyond 2^53: they stay the exact digits the sender wrote.

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | JsonObject;

/** A JSON object; absent keys read as undefined. */
export interface JsonObject {
  [key: string]: Json | undefined;
}

/** True for a plain JSON object (not null, not an array). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// A digit run this long may exceed Number.MAX_SAFE_INTEGER; only then is the slow reviver worth it.
const LONG_DIGITS = /\d{16}/;

const raw = JSON as unknown as { rawJSON(text: string): Json };

function keepDigits(_key: string, value: Json, context?: { source?: string }): Json {
  const source = context?.source;
  return typeof value === "number" &&
    source !== undefined &&
    Number.isInteger(value) &&
    !Number.isSafeInteger(value)
    ? raw.rawJSON(source)
    : value;
}

/**
 * Parses JSON text so that `JSON.stringify` of the result prints every integer as it was written.
 * Throws SyntaxError for malformed text.
 */
export function parseJson(text: string): Json {
  return LONG_DIGITS.test(text)
    ? JSON.parse(text, keepDigits as (key: string, value: Json) => Json)
    : JSON.parse(text);
}
