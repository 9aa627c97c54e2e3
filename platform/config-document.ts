// Changes one setting in a configuration file and leaves the rest as people wrote it: comments,
// order, style. Refuses to write what the setting's schema would refuse to read, or into a file
// that is broken already.

import { existsSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type Json } from "#wire";
import { type Document, isMap, isScalar, parseDocument, type Scalar } from "yaml";
import { ConfigError } from "./config-error.ts";
import { MAX_CONFIG_BYTES, readConfigText } from "./config-files.ts";
import type { AnyConfigKey } from "./config-key.ts";
import { readText, shapeOf, shapesAt } from "./config-shape.ts";
import { parseConfigTree, YAML_OPTIONS } from "./config-tree.ts";
import { checkValue } from "./config-value.ts";
import { writePrivateFile } from "./private-file.ts";

/** Which setting of which file; `inner` goes on inside a setting that is a map or an object. */
export interface SettingInFile {
  readonly path: string;
  readonly key: AnyConfigKey;
  readonly inner?: readonly string[];
}

/**
 * Writes `text`, read as the kind the setting expects, into the file, which is made private (0600).
 * Throws ConfigError, with nothing written, when the value or the file is not valid.
 */
export function setInConfigFile(setting: SettingInFile, text: string): void {
  const { path, key, inner = [] } = setting;
  const groups = key.name.split(".");
  const at = [...groups, ...inner];
  const source = readSource(path);
  const before = parseValid(path, source);
  const value = readText({ anyOf: [...shapesAt(shapeOf(key), inner)] }, text);
  refuseInvalid(key, replaced(valueAt(before, groups), inner, value));

  const document = parseDocument(source, YAML_OPTIONS);
  place(path, document, at, value);
  const written = print(document, source);
  // Through an alias an edit reaches further than was asked for; then the file is not ours to edit.
  if (!isDeepStrictEqual(parseValid(path, written), replaced(before, at, value))) {
    throw unwritable(path, at);
  }
  writePrivateFile(path, written);
}

/** Removes the setting from the file, and groups it leaves empty; false when it was not there. */
export function unsetInConfigFile(setting: SettingInFile): boolean {
  const { path, key, inner = [] } = setting;
  if (!existsSync(path)) return false;
  const source = readSource(path);
  const groups = key.name.split(".");
  const tree = parseValid(path, source);
  if (valueAt(tree, [...groups, ...inner]) === undefined) return false;
  if (inner.length > 0) refuseInvalid(key, replaced(valueAt(tree, groups), inner, undefined));

  const document = parseDocument(source, YAML_OPTIONS);
  const header = takeHeader(document);
  for (let at = [...groups, ...inner]; at.length > 0; at = at.slice(0, -1)) {
    if (!document.deleteIn(at)) throw unwritable(path, at);
    if (!isEmptyMapping(document.getIn(at.slice(0, -1)))) break;
  }
  restoreHeader(document, header);
  writePrivateFile(path, print(document, source));
  return true;
}

// A comment at the top of the file belongs to its first key in the tree, and would go with that
// key.
function takeHeader(document: Document): string | undefined {
  const key = firstKey(document);
  const header = key?.commentBefore ?? undefined;
  if (key !== undefined) key.commentBefore = null;
  return header;
}

function restoreHeader(document: Document, header: string | undefined): void {
  if (header === undefined) return;
  const key = firstKey(document);
  if (key === undefined) document.commentBefore = header;
  else key.commentBefore = [header, key.commentBefore].filter(Boolean).join("\n");
}

function firstKey(document: Document): Scalar | undefined {
  const key = isMap(document.contents) ? document.contents.items[0]?.key : undefined;
  return isScalar(key) ? key : undefined;
}

// JSON is YAML, but not the other way round: a file that other tools read as JSON must stay JSON.
function print(document: Document, source: string): string {
  if (!isJson(source)) return document.toString({ lineWidth: 0 });
  return `${JSON.stringify(document.toJS(), null, 2)}\n`;
}

function isJson(text: string): boolean {
  try {
    return isJsonObject(JSON.parse(text));
  } catch {
    return false;
  }
}

function readSource(path: string): string {
  if (!existsSync(path)) return "";
  const text = readConfigText(path, { maxBytes: MAX_CONFIG_BYTES });
  if (typeof text !== "string") throw new ConfigError([text]);
  return text;
}

function parseValid(path: string, text: string): Json {
  const { value, problems } = parseConfigTree(path, text);
  if (problems.length > 0) throw new ConfigError(problems);
  return value;
}

function refuseInvalid(key: AnyConfigKey, value: unknown): void {
  const { problems } = checkValue(key, value);
  if (problems === undefined) return;
  throw new ConfigError(problems.map(({ message }) => ({ where: key.name, message })));
}

function place(path: string, document: Document, at: readonly string[], value: Json): void {
  try {
    // `group:` with nothing below it is an empty group to a person and null to YAML.
    for (let length = 1; length < at.length; length++) {
      const group = at.slice(0, length);
      if (document.getIn(group) === null) document.setIn(group, document.createNode({}));
    }
    const node = typeof value === "object" && value !== null ? document.createNode(value) : value;
    document.setIn(at, node);
  } catch (error) {
    throw unwritable(path, at, error);
  }
}

function unwritable(path: string, at: readonly string[], cause?: unknown): ConfigError {
  const message = `${at.join(".")} cannot be changed without other changes; edit the file`;
  return new ConfigError([{ where: path, message }], { cause });
}

function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (at, name) => (isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined),
    value,
  );
}

function replaced(
  whole: Json | undefined,
  path: readonly string[],
  value: Json | undefined,
): Json | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const { [name]: inside, ...others } = isJsonObject(whole) ? whole : {};
  const next = replaced(inside, rest, value);
  return next === undefined ? others : { ...others, [name]: next };
}

function isEmptyMapping(node: unknown): boolean {
  return isMap(node) && node.items.length === 0;
}
