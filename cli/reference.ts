// The reference documentation of the configuration, made from its keys: a page for people, a schema for
// editors. Written by docs/generate.ts, compared by a test.

import { configJsonSchema, configReference } from "#platform";
import { configKeys } from "./config-keys.ts";

/** The generated files of docs/reference, by name. */
export function renderReference(): Readonly<Record<string, string>> {
  const regenerate = "node bin/agent.mjs --run docs/generate.ts";
  return {
    "config.md": configReference(configKeys, { regenerate }),
    "config.schema.json": `${JSON.stringify(configJsonSchema(configKeys), null, 2)}\n`,
  };
}
