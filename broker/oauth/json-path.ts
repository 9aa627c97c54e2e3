// Reads a descriptor's dotted paths out of JSON that somebody else wrote.
// Refuses to see anything that is not a property of the JSON itself: no prototype, no `length`.

import { isJsonObject } from "#wire";

const SEGMENT = /\[([^\]]+)\]|([^.[\]]+)/g;
const INDEX = /^\d{1,6}$/;

/** The value at a path; a segment of digits is also an array's index. Undefined where nothing is. */
export function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const [, bracketed, plain] of path.matchAll(SEGMENT)) {
    value = childOf(value, bracketed ?? plain ?? "");
  }
  return value;
}

/** The text at a path, and whole numbers as text; undefined for anything else and for empty text. */
export function textAt(root: unknown, path: string): string | undefined {
  const value = valueAt(root, path);
  if (Number.isSafeInteger(value)) return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function childOf(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return INDEX.test(key) ? value[Number(key)] : undefined;
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
