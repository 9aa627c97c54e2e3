// What each place a setting can be written in says: a file, the environment, the flags. Refuses
// unknown names in all of them, ill-typed values, and what a checkout has no right to say; reports
// everything it refused.

import { isJsonObject, type JsonObject } from "#wire";
import type { ConfigProblem } from "./config-error.ts";
import {
  type ConfigFile,
  MAX_CONFIG_BYTES,
  MAX_PROJECT_CONFIG_BYTES,
  readConfigText,
} from "./config-files.ts";
import type { AnyConfigKey } from "./config-key.ts";
import { readText, shapeOf } from "./config-shape.ts";
import { type ConfigTree, parseConfigTree } from "./config-tree.ts";
import { checkValue, withSuggestion } from "./config-value.ts";
import type { Environment } from "./env.ts";
import { CONFIG_FILE, HOME_VARIABLE } from "./paths.ts";

/**
 * Variables that begin so are ours: an unknown one is a typing error, not someone else's business.
 */
export const VARIABLE_PREFIX = "PARLEY_";

// The home directory is found before there is a configuration; the corpus is the tests' business.
const NOT_SETTINGS = [HOME_VARIABLE, `${VARIABLE_PREFIX}CORPUS`];

/** Where a value comes from; `path` and `line` for a file, `name` for a variable or flag. */
export interface ConfigSource {
  readonly layer: "default" | "home" | "project" | "file" | "env" | "flag";
  readonly path?: string;
  readonly line?: number;
  readonly name?: string;
}

/** One value that one layer gives one key, already through the key's schema. */
export interface LayerEntry {
  readonly key: AnyConfigKey;
  readonly value: unknown;
  readonly source: ConfigSource;
}

/** What one layer says, and everything wrong with it. */
export interface Layer {
  readonly entries: readonly LayerEntry[];
  readonly problems: readonly ConfigProblem[];
}

/** Reads one configuration file into entries; a file that must exist but does not is a problem. */
export function fileLayer(file: ConfigFile, keys: readonly AnyConfigKey[]): Layer {
  if (!file.exists) {
    const problems = [{ where: file.path, message: "no such file" }];
    return { entries: [], problems: file.layer === "file" ? problems : [] };
  }
  const text = readConfigText(file.path, {
    maxBytes: file.layer === "project" ? MAX_PROJECT_CONFIG_BYTES : MAX_CONFIG_BYTES,
  });
  if (typeof text !== "string") return { entries: [], problems: [text] };
  const tree = parseConfigTree(file.path, text);
  const reader = new FileReader(file, keys, tree);
  reader.readGroup(tree.value, []);
  return { entries: reader.entries, problems: [...tree.problems, ...reader.problems] };
}

/** Reads the variables that keys name; an unknown one with our prefix is a problem. */
export function environmentLayer(
  env: Environment,
  keys: readonly AnyConfigKey[],
  { otherVariables }: { otherVariables: readonly string[] },
): Layer {
  const named = keys.flatMap((key) => (key.env === undefined ? [] : [{ key, name: key.env }]));
  const known = [...named.map(({ name }) => name), ...NOT_SETTINGS, ...otherVariables];
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith(VARIABLE_PREFIX) && !known.includes(name),
  );
  const problems = unknown.map((name) => ({
    where: `$${name}`,
    message: withSuggestion("unknown environment variable", name, known),
  }));
  // A variable set to nothing is how a shell or a compose file says "not set".
  const given = named.map(({ key, name }) => ({ key, name, value: env[name] || undefined }));
  return addProblems(textLayer("env", given), problems);
}

/** Reads flags by name; names that belong to no key are other commands' business. */
export function flagLayer(
  flags: Readonly<Record<string, string | boolean | undefined>>,
  keys: readonly AnyConfigKey[],
): Layer {
  return textLayer(
    "flag",
    keys.flatMap((key) => {
      const value =
        key.flag !== undefined && Object.hasOwn(flags, key.flag) ? flags[key.flag] : undefined;
      return key.flag === undefined ? [] : [{ key, name: key.flag, value }];
    }),
  );
}

function textLayer(
  layer: "env" | "flag",
  given: readonly { key: AnyConfigKey; name: string; value: string | boolean | undefined }[],
): Layer {
  const entries: LayerEntry[] = [];
  const problems: ConfigProblem[] = [];
  for (const { key, name, value } of given) {
    if (value === undefined) continue;
    const checked = checkValue(
      key,
      typeof value === "string" ? readText(shapeOf(key), value) : value,
    );
    const where = layer === "env" ? `$${name}` : name;
    if (checked.problems === undefined) {
      entries.push({ key, value: checked.value, source: { layer, name } });
    } else {
      problems.push(...checked.problems.map(({ message }) => ({ where, message })));
    }
  }
  return { entries, problems };
}

function addProblems(layer: Layer, problems: readonly ConfigProblem[]): Layer {
  return { entries: layer.entries, problems: [...problems, ...layer.problems] };
}

class FileReader {
  readonly entries: LayerEntry[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #file: ConfigFile;
  readonly #tree: ConfigTree;
  readonly #keys: ReadonlyMap<string, AnyConfigKey>;
  readonly #groups: ReadonlySet<string>;

  constructor(file: ConfigFile, keys: readonly AnyConfigKey[], tree: ConfigTree) {
    this.#file = file;
    this.#tree = tree;
    this.#keys = new Map(keys.map((key) => [key.name, key]));
    this.#groups = new Set(keys.flatMap((key) => groupsOf(key.name)));
  }

  readGroup(group: JsonObject, path: readonly string[]): void {
    for (const [segment, value] of Object.entries(group)) {
      const here = [...path, segment];
      const name = here.join(".");
      const key = segment.includes(".") ? undefined : this.#keys.get(name);
      if (key !== undefined) this.#readKey(key, here, value);
      else if (segment.includes(".") || !this.#groups.has(name)) this.#refuseUnknown(here);
      else if (isJsonObject(value)) this.readGroup(value, here);
      else if (value !== null) this.#report(here, `${name} is a group of settings, not a value`);
    }
  }

  #readKey(key: AnyConfigKey, path: readonly string[], value: unknown): void {
    // Said before the value is looked at: a checkout learns nothing about a setting it may not
    // touch.
    if (this.#file.layer === "project" && key.project === "refused") {
      return this.#report(path, refusal(key));
    }
    const checked = checkValue(key, value);
    if (checked.problems !== undefined) {
      for (const problem of checked.problems) {
        this.#report([...path, ...problem.path], problem.message);
      }
      return;
    }
    const { layer, path: file } = this.#file;
    const source: ConfigSource = { layer, path: file, line: this.#tree.lineOf(path) };
    this.entries.push({ key, value: checked.value, source });
  }

  #refuseUnknown(path: readonly string[]): void {
    const name = path.join(".");
    const all = [...this.#keys.keys()];
    if (this.#keys.has(name)) {
      const nested = path.join(".").split(".").join(": { ");
      return this.#report(path, `write ${name} nested: ${nested}: … }`);
    }
    const last = path.at(-1) ?? name;
    const moved = all.find((known) => known.endsWith(`.${last}`));
    const known = [...all, ...this.#groups];
    const suggested = withSuggestion(`unknown key ${name}`, name, known);
    const isHelpless = !suggested.includes("did you mean");
    this.#report(
      path,
      isHelpless && moved !== undefined ? `unknown key ${name}; did you mean ${moved}?` : suggested,
    );
  }

  #report(path: readonly string[], message: string): void {
    this.problems.push({ where: `${this.#file.path}:${this.#tree.lineOf(path)}`, message });
  }
}

function groupsOf(name: string): readonly string[] {
  const parts = name.split(".");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("."));
}

function refusal(key: AnyConfigKey): string {
  const elsewhere = [
    `$${HOME_VARIABLE}/${CONFIG_FILE}`,
    ...(key.env === undefined ? [] : [`$${key.env}`]),
    ...(key.flag === undefined ? [] : [key.flag]),
  ];
  const places = elsewhere.join(", ");
  return `a project file cannot set ${key.name}: a checkout is not trusted; set it in ${places}`;
}
