// Checks one value against its key's schema and says what is wrong in the reader's words: what was
// expected, what was found, the nearest name. Refuses to quote a secret.

import { isJsonObject } from "#wire";
import type { z } from "zod";
import type { AnyConfigKey } from "./config-key.ts";
import {
  description,
  expectation,
  isSecretAt,
  propertyNamesAt,
  shapeOf,
  shapesAt,
} from "./config-shape.ts";
import { nearest } from "./nearest.ts";

/** One thing wrong inside a value; `path` leads from the key to it. */
export interface ValueProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** A value as its key's schema makes it, or everything wrong with it. */
export type CheckedValue =
  | { readonly value: unknown; readonly problems?: undefined }
  | { readonly problems: readonly ValueProblem[] };

/** Parses `value` through the key's schema. */
export function checkValue(key: AnyConfigKey, value: unknown): CheckedValue {
  const result = key.schema.safeParse(value);
  if (result.success) return { value: result.data };
  return { problems: result.error.issues.flatMap((issue) => explain(key, value, issue)) };
}

/**
 * Appends "did you mean" to a message about an unknown name, or the known names when they are few.
 */
export function withSuggestion(message: string, name: string, known: readonly string[]): string {
  const suggestion = nearest(name, known);
  if (suggestion !== undefined) return `${message}; did you mean ${suggestion}?`;
  const isShort = known.length > 0 && known.length <= 8;
  return isShort ? `${message}; known here: ${known.join(", ")}` : message;
}

function explain(
  key: AnyConfigKey,
  whole: unknown,
  issue: z.core.$ZodIssue,
): readonly ValueProblem[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") return explainUnknown(key, path, issue.keys);
  const isSecret = isSecretAt(key, path);
  const name = [key.name, ...path].join(".");
  const found = description(valueAt(whole, path), { isSecret });
  const message = IS_ABOUT_KIND.has(issue.code)
    ? `${name}: expected ${expectation(shapesAt(shapeOf(key), path))}, got ${found}`
    : `${name}: ${lowerFirst(issue.message).replace(/\.$/, "")}; got ${found}`;
  return [{ path, message }];
}

function explainUnknown(
  key: AnyConfigKey,
  path: readonly string[],
  names: readonly string[],
): readonly ValueProblem[] {
  const known = propertyNamesAt(shapeOf(key), path);
  return names.map((name) => ({
    path: [...path, name],
    message: withSuggestion(`unknown key ${[key.name, ...path, name].join(".")}`, name, known),
  }));
}

const IS_ABOUT_KIND: ReadonlySet<string> = new Set([
  "invalid_type",
  "invalid_value",
  "invalid_union",
]);

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => {
    if (Array.isArray(at)) return at[Number(name)];
    return isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }, value);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
