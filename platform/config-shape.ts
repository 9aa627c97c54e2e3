// What a setting's schema expects, read off its JSON schema: for error texts, text coercion,
// redaction and the reference. Refuses to validate: only the Zod schema decides what is valid.

import { isJsonObject, type Json } from "#wire";
import { z } from "zod";
import type { AnyConfigKey } from "./config-key.ts";
import { parseInlineValue } from "./config-tree.ts";
import { SECRET_MARKER } from "./secret.ts";

/** The JSON schema of a setting or of something inside it. */
export type Shape = z.core.JSONSchema.JSONSchema;

const shapes = new WeakMap<AnyConfigKey, Shape>();

/** The JSON schema of what a file may hold for `key`. */
export function shapeOf(key: AnyConfigKey): Shape {
  const known = shapes.get(key);
  if (known !== undefined) return known;
  const shape = z.toJSONSchema(key.schema, { io: "input", unrepresentable: "any" });
  // The dialect belongs to the whole document, not to each setting in it.
  delete shape.$schema;
  shapes.set(key, shape);
  return shape;
}

/**
 * Every shape that may stand at `path` below `shape`: several for a union, none when nothing may.
 */
export function shapesAt(shape: Shape, path: readonly string[]): readonly Shape[] {
  let reached = alternatives(shape);
  for (const name of path) reached = reached.flatMap((parent) => childrenNamed(parent, name));
  return reached;
}

/** The property names that may stand in the object at `path`. */
export function propertyNamesAt(shape: Shape, path: readonly string[]): readonly string[] {
  return shapesAt(shape, path).flatMap((at) => Object.keys(at.properties ?? {}));
}

/** True when the value at `path` inside the setting must not be printed. */
export function isSecretAt(key: AnyConfigKey, path: readonly string[]): boolean {
  if (key.isSecret) return true;
  return path
    .map((_, index) => path.slice(0, index + 1))
    .concat([[]])
    .some((prefix) => shapesAt(shapeOf(key), prefix).some((shape) => shape.writeOnly === true));
}

/** A key by its dotted name, and the path inside it when the name goes on (`servers.main.url`). */
export interface Setting {
  readonly key: AnyConfigKey;
  readonly inner: readonly string[];
}

/** The setting a dotted name means, or undefined when there is none. */
export function findSetting(keys: readonly AnyConfigKey[], name: string): Setting | undefined {
  const key = keys.find((known) => name === known.name || name.startsWith(`${known.name}.`));
  if (key === undefined) return undefined;
  const inner = name === key.name ? [] : name.slice(key.name.length + 1).split(".");
  return shapesAt(shapeOf(key), inner).length > 0 ? { key, inner } : undefined;
}

/** True when layers merge entry by entry: a map of free names, not an object of fixed ones. */
export function isRecord(shape: Shape): boolean {
  return shape.type === "object" && shape.properties === undefined;
}

/** The setting's value with every secret in it replaced by a marker, safe to print. */
export function redactValue(key: AnyConfigKey, value: unknown): Json {
  return redactAt(key, [], value);
}

/**
 * Reads text from a variable, a flag or a command line as the kind of value `shape` expects. Text
 * that fits no expected kind is returned as it is, for the schema to refuse.
 */
export function readText(shape: Shape, text: string): Json {
  const kinds = new Set(alternatives(shape).flatMap(kindsOf));
  const flag = BOOLEAN_WORDS.get(text.trim().toLowerCase());
  if (kinds.has("boolean") && flag !== undefined) return flag;
  if (kinds.has("string")) return text;
  if ((kinds.has("number") || kinds.has("integer")) && NUMBER.test(text.trim()))
    return Number(text);
  if (kinds.has("array") && !text.trim().startsWith("[")) return readList(shape, text);
  return kinds.has("array") || kinds.has("object") ? readInline(text) : text;
}

/**
 * What a shape expects, in words: `an integer from 1 to 65535`, `"fast" or "slow"`, `a list of
 * text`.
 */
export function expectation(found: readonly Shape[]): string {
  const words = found.flatMap((shape) => alternatives(shape)).map(describe);
  return [...new Set(words)].join(" or ") || "another value";
}

/** What a value is, in words that quote it: `the text "80"`, `the number 80`, `a list`. */
export function description(value: unknown, { isSecret }: { isSecret: boolean }): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const kind = typeof value === "string" ? "text" : typeof value;
  return isSecret ? `a ${kind}` : `the ${kind} ${shorten(JSON.stringify(value))}`;
}

const NUMBER = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i;
const MAX_QUOTED_LENGTH = 60;

const BOOLEAN_WORDS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false],
]);

function alternatives(shape: Shape): readonly Shape[] {
  const inner = [...(shape.anyOf ?? []), ...(shape.oneOf ?? []), ...(shape.allOf ?? [])];
  if (inner.length === 0) return [shape];
  // A mark on the union holds for each of its branches.
  const mark = shape.writeOnly === true ? { writeOnly: true } : {};
  return inner.flatMap((branch) => alternatives({ ...branch, ...mark }));
}

function childrenNamed(parent: Shape, name: string): readonly Shape[] {
  const own = parent.properties;
  const child =
    own !== undefined && Object.hasOwn(own, name)
      ? own[name]
      : (parent.additionalProperties ?? (/^\d+$/.test(name) ? parent.items : undefined));
  return typeof child === "object" && !Array.isArray(child) ? alternatives(child) : [];
}

function kindsOf(shape: Shape): readonly string[] {
  if (shape.type !== undefined) return [shape.type].flat();
  return [...(shape.enum ?? []), ...(shape.const !== undefined ? [shape.const] : [])].map(
    (value) => typeof value,
  );
}

function redactAt(key: AnyConfigKey, path: readonly string[], value: unknown): Json {
  // An empty secret is one that was not set.
  if (isSecretAt(key, path)) return value === undefined || value === "" ? null : SECRET_MARKER;
  if (Array.isArray(value))
    return value.map((item, index) => redactAt(key, [...path, `${index}`], item));
  // Also what a schema made of a file's value, such as a URL or a Secret, in its own printed form.
  const printable = value === undefined ? null : JSON.parse(JSON.stringify(value) ?? "null");
  if (!isJsonObject(printable)) return printable;
  return Object.fromEntries(
    Object.entries(printable).map(([name, item]) => [name, redactAt(key, [...path, name], item)]),
  );
}

function readList(shape: Shape, text: string): Json {
  const item = shapesAt(shape, ["0"])[0] ?? {};
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => readText(item, part));
}

function readInline(text: string): Json {
  try {
    return parseInlineValue(text);
  } catch {
    // Left as text, which the schema refuses with what it expected instead.
    return text;
  }
}

function describe(shape: Shape): string {
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  if (shape.enum !== undefined)
    return shape.enum.map((value) => JSON.stringify(value)).join(" or ");
  return [shape.type ?? []]
    .flat()
    .map((type) => DESCRIBERS[type](shape))
    .join(" or ");
}

type ShapeType = "object" | "array" | "string" | "number" | "boolean" | "null" | "integer";

const DESCRIBERS: Readonly<Record<ShapeType, (shape: Shape) => string>> = {
  string: (shape) => (shape.format === "uri" ? "a URL" : "text"),
  integer: (shape) => `an integer${range(shape)}`,
  number: (shape) => `a number${range(shape)}`,
  boolean: () => "true or false",
  null: () => "null",
  array: (shape) => `a list of ${expectation(shapesAt(shape, ["0"]))}`,
  object: (shape) =>
    isRecord(shape) ? `a map of names to ${expectation(shapesAt(shape, ["*"]))}` : "a mapping",
};

function range({ minimum, maximum }: Shape): string {
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  if (low !== undefined) return ` of at least ${low}`;
  return high === undefined ? "" : ` of at most ${high}`;
}

function shorten(text: string): string {
  return text.length <= MAX_QUOTED_LENGTH ? text : `${text.slice(0, MAX_QUOTED_LENGTH - 1)}…`;
}
