// The effective configuration: every layer over the one below, read once, all problems at once.
// Refuses to start on a half-understood configuration: an error here is cheaper than a limit that
// silently is not set.

import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type Json } from "#wire";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { type ConfigFile, configFiles } from "./config-files.ts";
import type { AnyConfigKey, ConfigKey } from "./config-key.ts";
import {
  type ConfigSource,
  environmentLayer,
  fileLayer,
  flagLayer,
  type LayerEntry,
} from "./config-layers.ts";
import { isRecord, redactValue, shapeOf } from "./config-shape.ts";
import type { Environment } from "./env.ts";

/** One line of a listing; secrets in `value` are already replaced. */
export interface ConfigListing {
  readonly name: string;
  readonly value: Json;
  readonly source: ConfigSource;
}

/** Every setting's effective value and where it comes from; made by loadConfig. */
export class Config {
  /** The files that take part, lowest precedence first, whether or not they exist. */
  readonly files: readonly ConfigFile[];
  readonly #settings: ReadonlyMap<string, LayerEntry>;

  constructor(settings: ReadonlyMap<string, LayerEntry>, files: readonly ConfigFile[]) {
    this.#settings = settings;
    this.files = files;
  }

  /** The effective value; throws when `key` was not among the keys given to loadConfig. */
  get<T>(key: ConfigKey<T>): T {
    // Sound: what is stored under a key's name came through that key's own schema, or is its
    // default.
    return this.#entry(key).value as T;
  }

  /** The layer that decided the value; for a map merged from several, the highest one. */
  source(key: AnyConfigKey): ConfigSource {
    return this.#entry(key).source;
  }

  /** Every setting in the order of its definition, safe to print. */
  list(): ConfigListing[] {
    return [...this.#settings.values()].map(({ key, value, source }) => ({
      name: key.name,
      value: redactValue(key, value),
      source,
    }));
  }

  #entry(key: AnyConfigKey): LayerEntry {
    const entry = this.#settings.get(key.name);
    if (entry?.key === key) return entry;
    throw new TypeError(`${key.name} is not among the keys this configuration was loaded with`);
  }
}

/**
 * Loads the configuration: defaults, the home file, the nearest project file above `cwd`, `file`,
 * the environment, `flags` (by flag name); later wins, and maps merge entry by entry. Throws
 * ConfigError with every problem found. `otherVariables` names variables with our prefix that are
 * not settings.
 */
export function loadConfig(options: {
  keys: readonly AnyConfigKey[];
  env: Environment;
  cwd: string;
  file?: string | undefined;
  flags?: Readonly<Record<string, string | boolean | undefined>> | undefined;
  otherVariables?: readonly string[];
}): Config {
  const { keys, env, cwd, file, flags = {}, otherVariables = [] } = options;
  const files = configFiles({ env, cwd, file });
  const settings = defaults(keys);
  const problems: ConfigProblem[] = [];
  const layers = [
    ...files.map((each) => fileLayer(each, keys)),
    environmentLayer(env, keys, { otherVariables }),
    flagLayer(flags, keys),
  ];
  for (const layer of layers) {
    problems.push(...layer.problems);
    for (const entry of layer.entries) {
      const problem = overlay(settings, entry);
      if (problem !== undefined) problems.push(problem);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return new Config(settings, files);
}

/** What `keys` are set to, to be taken up by adoptConfig in another process of the same version. */
export function configValues(
  config: Config,
  keys: readonly AnyConfigKey[],
): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key.name, config.get(key)]));
}

/**
 * The configuration that another process has loaded and told: its values went through the keys' schemas there, and
 * are not what those take any more. Throws TypeError for a key without a value.
 */
export function adoptConfig(
  keys: readonly AnyConfigKey[],
  values: Readonly<Record<string, unknown>>,
): Config {
  const settings = keys.map((key): [string, LayerEntry] => {
    if (!(key.name in values)) throw new TypeError(`there is no value for ${key.name}`);
    return [key.name, { key, value: values[key.name], source: { layer: "default" } }];
  });
  return new Config(new Map(settings), []);
}

function defaults(keys: readonly AnyConfigKey[]): Map<string, LayerEntry> {
  const settings = new Map<string, LayerEntry>();
  for (const key of keys) {
    if (settings.has(key.name)) throw new TypeError(`two settings are named ${key.name}`);
    settings.set(key.name, { key, value: key.default, source: { layer: "default" } });
  }
  return settings;
}

function overlay(settings: Map<string, LayerEntry>, entry: LayerEntry): ConfigProblem | undefined {
  const { key, source } = entry;
  const below = settings.get(key.name)?.value;
  if (source.layer === "project" && typeof key.project === "object") {
    const isAllowed =
      isDeepStrictEqual(below, entry.value) || key.project.isTighter(below, entry.value);
    if (!isAllowed) return loosened(entry, below);
  }
  settings.set(key.name, { ...entry, value: merge(key, below, entry.value) });
  return undefined;
}

function merge(key: AnyConfigKey, below: unknown, above: unknown): unknown {
  return isRecord(shapeOf(key)) && isJsonObject(below) && isJsonObject(above)
    ? { ...below, ...above }
    : above;
}

function loosened({ key, source }: LayerEntry, operator: unknown): ConfigProblem {
  const current = JSON.stringify(redactValue(key, operator));
  return {
    where: `${source.path}:${source.line}`,
    message: `a project file may only tighten ${key.name}, which the operator leaves at ${current}`,
  };
}
