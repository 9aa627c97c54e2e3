// A configuration file's text as plain values, with the line of every key. YAML 1.2 (JSON is YAML
// too). Refuses what a stranger's file could abuse: tags that make objects, prototype keys,
// duplicate keys, unbounded size, depth and alias expansion. Error texts never quote a value:
// it may be a secret.

import { isJsonObject, type Json, type JsonObject } from "#wire";
import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from "yaml";
import type { ConfigProblem } from "./config-error.ts";

/** Most values a configuration file may hold, each expansion of an alias counted anew. */
export const MAX_CONFIG_NODES = 50_000;

/** Deepest nesting of a configuration file. */
export const MAX_CONFIG_DEPTH = 32;

/** Most problems reported for one file; the first ones are what a person fixes. */
export const MAX_CONFIG_PROBLEMS = 50;

/** Key names that would reach an object's prototype. */
const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

const PLAIN_TAGS: ReadonlySet<string> = new Set(
  ["str", "int", "float", "bool", "null", "seq", "map"].map((name) => `tag:yaml.org,2002:${name}`),
);

/**
 * How every configuration document is parsed; duplicates are found by TreeReader in linear time.
 */
export const YAML_OPTIONS = {
  version: "1.2",
  prettyErrors: false,
  uniqueKeys: false,
  stringKeys: true,
  resolveKnownTags: false,
  // "silent" would also drop the error for a second document.
  logLevel: "error",
} as const;

/** A parsed file: its values, what was wrong with it, and where each key stands. */
export interface ConfigTree {
  readonly value: JsonObject;
  readonly problems: readonly ConfigProblem[];
  /** Line of the key at `path`, or of its nearest ancestor that is there; 1-based. */
  lineOf(path: readonly string[]): number;
}

/** Parses configuration text; never throws, whatever the text. `where` names it in problems. */
export function parseConfigTree(where: string, text: string): ConfigTree {
  return new TreeReader(where, text).read();
}

/**
 * Parses one inline value, such as `{ a: 1 }` or `[x, y]`; throws SyntaxError when it is not YAML.
 */
export function parseInlineValue(text: string): Json {
  const tree = parseConfigTree("value", `value: ${text}`);
  const problem = tree.problems[0];
  if (problem !== undefined) throw new SyntaxError(problem.message);
  return tree.value.value ?? null;
}

class TreeReader {
  readonly #where: string;
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #anchors = new Map<string, unknown>();
  readonly #keyLines = new Map<string, number>();
  readonly #problems: ConfigProblem[] = [];
  readonly #reported = new Set<string>();
  #nodes = 0;

  constructor(where: string, text: string) {
    this.#where = where;
    this.#text = text;
  }

  read(): ConfigTree {
    return {
      value: this.#readRoot(),
      problems: this.#problems,
      lineOf: (path) => {
        for (let length = path.length; length > 0; length--) {
          const line = this.#keyLines.get(pathKey(path.slice(0, length)));
          if (line !== undefined) return line;
        }
        return 1;
      },
    };
  }

  #readRoot(): JsonObject {
    const document = this.#parse();
    if (document === undefined) return {};
    for (const { code, pos } of document.errors) this.#report(pos[0], SYNTAX_PROBLEMS[code]);
    if (document.directives?.yaml.explicit) this.#report(0, "%YAML directives are not supported");
    if (this.#problems.length > 0 || document.contents === null) return {};
    const value = this.#read(document.contents, []);
    if (value === null || value === undefined) return {};
    if (isJsonObject(value)) return value;
    this.#report(
      0,
      "expected settings, such as `group: { key: value }`, got a single value or a list",
    );
    return {};
  }

  #parse(): Document.Parsed | undefined {
    try {
      return parseDocument(this.#text, { ...YAML_OPTIONS, lineCounter: this.#lines });
    } catch {
      // The parser recurses; hostile nesting can exhaust the stack before its own limit.
      this.#report(0, "nested too deeply to be read");
      return undefined;
    }
  }

  #read(node: unknown, path: readonly string[]): Json | undefined {
    this.#nodes += 1;
    if (this.#nodes > MAX_CONFIG_NODES) {
      return this.#report(0, `holds more than ${MAX_CONFIG_NODES} values`);
    }
    if (path.length > MAX_CONFIG_DEPTH) {
      return this.#report(
        0,
        `nested deeper than ${MAX_CONFIG_DEPTH} levels, or an alias of itself`,
      );
    }
    if (isAlias(node)) return this.#readAlias(node.source, node, path);
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return this.#readScalar(node);
    if (node.tag !== undefined && !PLAIN_TAGS.has(node.tag)) return this.#refuseTag(node);
    if (isMap(node)) return this.#readMap(node, path);
    return node.items.map((item, index) => this.#read(item, [...path, `${index}`]) ?? null);
  }

  #readAlias(anchor: string, node: unknown, path: readonly string[]): Json | undefined {
    const target = this.#anchors.get(anchor);
    if (target !== undefined) return this.#read(target, path);
    return this.#report(
      offsetOf(node),
      "an alias without its anchor above; quote a text that begins with *",
    );
  }

  #readMap(map: YAMLMap, path: readonly string[]): JsonObject {
    const result: JsonObject = {};
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      const offset = offsetOf(key);
      if (PROTOTYPE_KEYS.has(name)) {
        this.#report(offset, `a key may not be named "${name}"`);
      } else if (Object.hasOwn(result, name)) {
        this.#report(offset, `"${name}" is already set in this mapping`);
      } else {
        const here = [...path, name];
        this.#keyLines.set(pathKey(here), this.#lineAt(offset));
        result[name] = this.#read(value, here) ?? null;
      }
    }
    return result;
  }

  #readScalar(node: Scalar): Json | undefined {
    if (node.tag !== undefined && !PLAIN_TAGS.has(node.tag)) {
      return this.#textOfTagged(node) ?? this.#refuseTag(node);
    }
    const { value } = node;
    const isPlain = typeof value === "string" || typeof value === "number";
    return isPlain || typeof value === "boolean" ? value : null;
  }

  // People write `apiKey: !op read x` to mean that very text; YAML would read "!op" as a tag and
  // lose it.
  #textOfTagged(node: Scalar): string | undefined {
    const [start, end] = node.range ?? [0, 0];
    const lineStart = this.#text.lastIndexOf("\n", start - 1) + 1;
    const tag = /(?:^|\s)(![^\s!<]*[ \t]*)$/.exec(this.#text.slice(lineStart, start))?.[1];
    const rest = this.#text.slice(start, end);
    return tag === undefined || rest.includes("\n") ? undefined : `${tag}${rest}`.trimEnd();
  }

  #refuseTag(node: unknown): undefined {
    return this.#report(
      offsetOf(node),
      "YAML tags are not supported; quote a text that begins with !",
    );
  }

  // One problem per line: a parser that lost its way reports the same spot many times.
  #report(offset: number, message: string): undefined {
    const where = `${this.#where}:${this.#lineAt(offset)}`;
    if (this.#problems.length >= MAX_CONFIG_PROBLEMS || this.#reported.has(where)) return undefined;
    this.#reported.add(where);
    this.#problems.push({ where, message });
    return undefined;
  }

  #lineAt(offset: number): number {
    return Math.max(1, this.#lines.linePos(offset).line);
  }
}

function offsetOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0;
}

function pathKey(path: readonly string[]): string {
  return path.join("\0");
}

// The parser's own texts quote the source, and the source may be a credential.
const SYNTAX_PROBLEMS: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias cannot have a tag or an anchor",
  BAD_ALIAS: "not a valid alias; quote a text that begins with *",
  BAD_COLLECTION_TYPE: "this tag does not fit the value",
  BAD_DIRECTIVE: "directives (%) are not supported",
  BAD_DQ_ESCAPE: "unknown \\ escape in a double-quoted text; use single quotes",
  BAD_INDENT: "the indentation does not fit, or a bracket or quote above is not closed",
  BAD_PROP_ORDER: "a tag or anchor must come right before its value",
  BAD_SCALAR_START: "a text beginning with this character must be quoted",
  BLOCK_AS_IMPLICIT_KEY:
    "a `key: value` cannot hold another `key: value` on its line; quote the text",
  BLOCK_IN_FLOW: "inside [ ] or { } everything must be in [ ] or { } form",
  DUPLICATE_KEY: "this key is already set in this mapping",
  IMPOSSIBLE: "cannot be read as YAML",
  KEY_OVER_1024_CHARS: "a key may be at most 1024 characters",
  MISSING_CHAR: "a closing quote, bracket, brace, comma or colon is missing",
  MULTILINE_IMPLICIT_KEY: "a key must be on one line; is a colon missing?",
  MULTIPLE_ANCHORS: "a value can have one anchor only",
  MULTIPLE_DOCS: "only one document per file; remove the --- line",
  MULTIPLE_TAGS: "a value can have one tag only",
  NON_STRING_KEY: "a key must be a text",
  RESOURCE_EXHAUSTION: "nested too deeply to be read",
  TAB_AS_INDENT: "indent with spaces, not with tabs",
  TAG_RESOLVE_FAILED: "YAML tags are not supported; quote a text that begins with !",
  UNEXPECTED_TOKEN: "not expected here; is the line above complete, or a quote missing?",
};
