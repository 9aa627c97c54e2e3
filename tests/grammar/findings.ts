// What a grammar checker reports, and the small shape language it checks fields with.
// Refuses to import product code: a checker that shares code with what it checks proves nothing.

/** One departure from a format's grammar. */
export interface Violation {
  /** Number of the SSE frame, from 0; -1 when the whole stream is meant. */
  readonly index: number;
  /** Stable kebab-case name of the rule, which tests match. */
  readonly rule: string;
  /** What stood there. */
  readonly what: string;
}

/** What the caller of a checker knows about the request that was answered. */
export interface Expectation {
  /** The model id the client asked for. */
  readonly model?: string;
  /** Usage must be there (true), or must not (false: Chat without `include_usage`); absent accepts both. */
  readonly includeUsage?: boolean;
}

/** A JSON object as a checker reads it. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Required keys of an object and what each may hold: `string`, `number`, `boolean`, `array`,
 * `object`, `null`, `any`, or a quoted literal, several joined by `|`.
 */
export type Shape = Readonly<Record<string, string>>;

/** Collects violations; `at` is the frame under inspection. */
export class Findings {
  readonly list: Violation[] = [];
  at = -1;

  /** Records a violation at the current frame. */
  add(rule: string, what: string): void {
    this.list.push({ index: this.at, rule, what: what.slice(0, 300) });
  }

  /** Records a violation unless `holds`. */
  expect(holds: boolean, rule: string, what: string): void {
    if (!holds) this.add(rule, what);
  }

  /** Checks every key of `shape`; absent keys break `missing-field`, others `wrong-type`. */
  shape(where: string, object: Fields, shape: Shape): void {
    for (const [key, allowed] of Object.entries(shape)) {
      const value = object[key];
      if (value === undefined) this.add("missing-field", `${where}.${key}`);
      else if (!allowed.split("|").some((kind) => isKind(value, kind)))
        this.add("wrong-type", `${where}.${key} is ${JSON.stringify(value)}, not ${allowed}`);
    }
  }

  /** Reports keys that `known` does not list. */
  onlyKeys(where: string, object: Fields, known: readonly string[]): void {
    for (const key of Object.keys(object)) {
      if (!known.includes(key)) this.add("unknown-field", `${where}.${key}`);
    }
  }
}

function isKind(value: unknown, kind: string): boolean {
  if (kind === "any") return true;
  if (kind === "null") return value === null;
  if (kind === "array") return Array.isArray(value);
  if (kind === "object") return isFields(value);
  if (kind.startsWith("'")) return value === kind.slice(1, -1);
  return typeof value === kind;
}

/** True for a JSON object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as an object, or an empty one. */
export function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The value as a list of objects; what is no object is left out. */
export function fieldsList(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** The value as text, or "". */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The value as a finite number, or undefined. */
export function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** Parsed JSON, or undefined when it is none. */
export function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** True when two JSON values print the same, key order aside. */
export function isSameJson(left: unknown, right: unknown): boolean {
  return Bun.deepEquals(left, right);
}
