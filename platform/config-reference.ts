// What the settings' definitions say, for readers and editors: the reference page, the JSON schema,
// the options of --help. Refuses to add anything: a text missing here is missing in a definition.

import { isJsonObject, type Json, type JsonObject } from "#wire";
import type { AnyConfigKey } from "./config-key.ts";
import { expectation, isSecretAt, type Shape, shapeOf, shapesAt } from "./config-shape.ts";

/**
 * One option of a command's help; `flags` is in commander's syntax, e.g. `--server-bind
 * <host:port>`.
 */
export interface ConfigOption {
  readonly key: AnyConfigKey;
  readonly flags: string;
  readonly description: string;
}

/** The options of those keys that have a flag. */
export function configOptions(keys: readonly AnyConfigKey[]): ConfigOption[] {
  return keys.flatMap((key) => {
    if (key.flag === undefined) return [];
    const placeholder = key.placeholder ?? (typeof key.default === "boolean" ? "" : "<value>");
    const text = defaultText(key);
    const description = text === undefined ? key.doc : `${key.doc} (default: ${text})`;
    return [{ key, flags: `${key.flag} ${placeholder}`.trim(), description }];
  });
}

/**
 * The JSON schema of a configuration file, nested as the file is; editors complete and check with
 * it.
 */
export function configJsonSchema(keys: readonly AnyConfigKey[]): JsonObject {
  const root = emptyGroup();
  for (const key of keys) {
    const groups = key.name.split(".");
    const last = groups.pop() ?? key.name;
    let group = root;
    for (const name of groups) group = subgroup(group, name);
    group.properties[last] = leafSchema(key);
  }
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...root };
}

/** The reference page in Markdown; `regenerate` is the command its first line tells to run. */
export function configReference(
  keys: readonly AnyConfigKey[],
  { regenerate }: { regenerate: string },
): string {
  const groups = Map.groupBy(keys, (key) => key.name.split(".")[0] ?? key.name);
  const sections = [...groups].map(([name, members]) => section(name, members));
  return [
    `<!-- Generated from the settings' definitions; do not edit. Regenerate: ${regenerate} -->`,
    "# Configuration",
    INTRODUCTION,
    ...sections,
  ]
    .join("\n\n")
    .concat("\n");
}

const INTRODUCTION = `A setting is looked up in this order; the later place wins, maps merge by entry:

1. its default
2. \`config.yml\` in the home directory (\`$PARLEY_HOME\`, by default \`~/.parley\`)
3. the nearest \`.parley/config.yml\` from the working directory upwards: a checkout is not trusted,
   so the column "project file" says what it may do
4. the file given with \`--config\`
5. its environment variable
6. its flag

Files are YAML (JSON is YAML too). A dot in a key is one level of nesting: \`a.b\` is written
\`a: { b: … }\`. In variables and flags, lists are separated by commas and maps are written inline, \`{ a: 1 }\`.`;

const COLUMNS = ["key", "type", "default", "environment", "flag", "project file", "what it does"];

function section(name: string, keys: readonly AnyConfigKey[]): string {
  const table = markdownTable(COLUMNS, keys.map(row));
  return [`## ${name}`, table, ...keys.flatMap(innerTables)].join("\n\n");
}

function row(key: AnyConfigKey): readonly string[] {
  const { env, flag, placeholder } = key;
  return [
    code(key.name),
    expectation(shapesAt(shapeOf(key), [])),
    code(defaultText(key)),
    code(env),
    code(flag === undefined ? undefined : `${flag} ${placeholder ?? ""}`.trim()),
    projectText(key),
    isSecretAt(key, []) ? `${key.doc} Secret: never printed.` : key.doc,
  ];
}

function projectText({ project }: AnyConfigKey): string {
  return typeof project === "string" ? project : "may only tighten";
}

// What stands inside a map's entries, or inside an object, one table per level that has names.
function innerTables(key: AnyConfigKey): readonly string[] {
  return [[], ["*"]].flatMap((path) =>
    shapesAt(shapeOf(key), path)
      .filter((shape) => shape.properties !== undefined)
      .map((shape) => {
        const title = `Inside \`${[key.name, ...path.map(() => "<name>")].join(".")}\`:`;
        return `${title}\n\n${propertyTable(key, path, shape)}`;
      }),
  );
}

function propertyTable(key: AnyConfigKey, path: readonly string[], shape: Shape): string {
  const rows = Object.keys(shape.properties ?? {}).map((name) => {
    const inner = shapesAt(shape, [name]);
    const doc =
      inner.map(({ description }) => description).find((text) => text !== undefined) ?? "";
    const secret = isSecretAt(key, [...path, name]) ? "Secret: never printed." : "";
    const isRequired = shape.required?.includes(name) ?? false;
    return [code(name), expectation(inner), isRequired ? "yes" : "no", `${doc} ${secret}`.trim()];
  });
  return markdownTable(["key", "type", "required", "what it does"], rows);
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows.map((cells) => cells.map(cell))];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function code(text: string | undefined): string {
  return text === undefined || text === "" ? "" : `\`${text}\``;
}

function defaultText(key: AnyConfigKey): string | undefined {
  const value = key.default;
  if (value === undefined || value === null || isSecretAt(key, [])) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

interface Group extends JsonObject {
  type: "object";
  properties: Record<string, JsonObject>;
  additionalProperties: false;
}

function emptyGroup(): Group {
  return { type: "object", properties: {}, additionalProperties: false };
}

function subgroup(group: Group, name: string): Group {
  const known = group.properties[name];
  if (known !== undefined && isGroup(known)) return known;
  const made = emptyGroup();
  group.properties[name] = made;
  return made;
}

function isGroup(schema: JsonObject): schema is Group {
  return schema.additionalProperties === false && isJsonObject(schema.properties);
}

function leafSchema(key: AnyConfigKey): JsonObject {
  const isSecret = isSecretAt(key, []);
  const value: Json = isSecret ? null : JSON.parse(JSON.stringify(key.default) ?? "null");
  const shape: JsonObject = JSON.parse(JSON.stringify(shapeOf(key)));
  return {
    ...shape,
    description: key.doc,
    ...(value !== null && { default: value }),
    ...(isSecret && { writeOnly: true }),
  };
}
