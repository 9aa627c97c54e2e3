// What one setting is: a single record from which the parser, --help, the reference page and the
// JSON schema are made. Refuses to know any setting: the parts define theirs.

import type { z } from "zod";

/**
 * One setting. A leaf of its schema that carries `.meta({ writeOnly: true })` is a secret: it is
 * never printed, in listings or in errors; `isSecret` says so for the whole setting.
 */
export interface ConfigKey<T> {
  /** Dotted, e.g. `server.bind`; each dot is one level of nesting in a file. */
  readonly name: string;
  /**
   * Parses what a file holds; text from a variable or flag is first read as the kind it expects.
   */
  readonly schema: z.ZodType<T>;
  readonly default: T;
  /** One sentence for the reference and --help. */
  readonly doc: string;
  /** Environment variable. */
  readonly env?: string;
  /** Command-line flag, e.g. `--server-bind`. */
  readonly flag?: string;
  /** How --help shows the value, e.g. `<host:port>`. */
  readonly placeholder?: string;
  /**
   * What the config file of an untrusted checkout may do: nothing, choose freely, or only tighten.
   */
  readonly project: "refused" | "chosen" | Tightening<T>;
  /** Never printed. */
  readonly isSecret?: boolean;
}

/** The rule for a limit: a checkout may lower what the operator allows, never raise it. */
export interface Tightening<T> {
  // Method syntax keeps ConfigKey<T> assignable to ConfigKey<unknown>, so that keys can be listed.
  isTighter(operator: T, project: T): boolean;
}

/** Any setting, whatever its type: what listings and loaders take. */
export type AnyConfigKey = ConfigKey<unknown>;

/** Types a key from its schema; the record is returned as it is. */
export function defineKey<T>(key: ConfigKey<T>): ConfigKey<T> {
  return key;
}
