// How a dialect has an upstream count a request instead of answering it. Knows which fields a count reads; refuses to
// count anything itself.

import { isJsonObject, type Json, type JsonObject } from "#wire";

/** The upstream that counts; what a Target knows of it. */
export interface CountTarget {
  /** Model id as the upstream knows it. */
  readonly model: string;
  readonly quirks: { readonly hasBareTokenCount?: boolean };
}

/** A dialect's own count of tokens. */
export interface TokenCount {
  /** Body of a request → body of the count of it. */
  encode(body: JsonObject, target: CountTarget): JsonObject;
  /** The tokens that the answer tells; undefined when it tells none. */
  decode(answer: Json): number | undefined;
}

/** Those members of `body` that a count reads, in the order of the body. */
export function countedFields(body: JsonObject, names: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => names.has(name)));
}

/** The number under `name`, when it is one of tokens. */
export function tokensIn(answer: Json, name: string): number | undefined {
  const tokens = isJsonObject(answer) ? answer[name] : undefined;
  return typeof tokens === "number" && Number.isSafeInteger(tokens) && tokens >= 0
    ? tokens
    : undefined;
}
