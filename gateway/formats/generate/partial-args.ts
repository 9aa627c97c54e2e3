// Arguments of a call that arrive value by value, each under its JSON path (`$.items[0].name`). Refuses paths it
// cannot read, and list positions no honest answer has.

import { isJsonObject, type Json, type JsonObject } from "#wire";

/** Highest list position taken; one number must not make a list of millions. */
export const MAX_LIST_POSITION = 10_000;

const SEGMENT = /\.([^.[\]]+)|\[(\d+)\]|\[(?:'([^']*)'|"([^"]*)")\]/y;

type Holder = Json[] | JsonObject;

/** A path that cannot be followed. */
export class BadArgumentPath extends Error {
  readonly code = "bad_argument_path";
}

function segmentsOf(path: string): readonly (string | number)[] {
  const segments: (string | number)[] = [];
  SEGMENT.lastIndex = 1;
  while (SEGMENT.lastIndex < path.length) {
    const at = SEGMENT.lastIndex;
    const [, name, position, single, double] = SEGMENT.exec(path) ?? [];
    const key = position === undefined ? (name ?? single ?? double) : Number(position);
    const isTooFar = typeof key === "number" && key > MAX_LIST_POSITION;
    if (key === undefined || isTooFar) throw new BadArgumentPath(`at ${at}`);
    segments.push(key);
  }
  if (!path.startsWith("$") || segments.length === 0) throw new BadArgumentPath("no path");
  return segments;
}

function get(holder: Holder, key: string | number): Json | undefined {
  if (Array.isArray(holder)) return typeof key === "number" ? holder[key] : undefined;
  return Object.hasOwn(holder, key) ? holder[key] : undefined;
}

function set(holder: Holder, key: string | number, value: Json): void {
  if (!Array.isArray(holder)) {
    // Not an assignment: `__proto__` is a name like any other.
    Object.defineProperty(holder, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return;
  }
  if (typeof key !== "number") throw new BadArgumentPath("a name in a list");
  while (holder.length < key) holder.push(null);
  holder[key] = value;
}

function valueOf(partial: JsonObject): Json | undefined {
  const { stringValue, numberValue, boolValue } = partial;
  if (partial.nullValue !== undefined) return null;
  return stringValue ?? numberValue ?? boolValue;
}

/** Gathers the arguments of one call. */
export class PartialArgs {
  readonly #root: JsonObject = {};
  /** The path whose text goes on in the next piece. */
  #open: string | undefined;

  /** Takes one entry of `partialArgs`. Throws BadArgumentPath. */
  add(partial: JsonObject): void {
    const path = typeof partial.jsonPath === "string" ? partial.jsonPath : "";
    const value = valueOf(partial);
    const segments = segmentsOf(path);
    const last = segments.at(-1);
    if (last === undefined || value === undefined) return;
    const holder = this.#holder(segments);
    const before = this.#open === path ? get(holder, last) : undefined;
    const isMore = typeof before === "string" && typeof value === "string";
    set(holder, last, isMore ? before + value : value);
    this.#open = partial.willContinue === true ? path : undefined;
  }

  /** Takes arguments that came whole. */
  merge(args: JsonObject): void {
    for (const [key, value] of Object.entries(args)) {
      if (value !== undefined) set(this.#root, key, value);
    }
  }

  /** The argument text. */
  toString(): string {
    return JSON.stringify(this.#root);
  }

  #holder(segments: readonly (string | number)[]): Holder {
    let holder: Holder = this.#root;
    for (const [index, key] of segments.slice(0, -1).entries()) {
      const known = get(holder, key);
      if (Array.isArray(known) || isJsonObject(known)) {
        holder = known;
        continue;
      }
      const made: Holder = typeof segments[index + 1] === "number" ? [] : {};
      set(holder, key, made);
      holder = made;
    }
    return holder;
  }
}
