// Command-line options made from configuration keys, so that a flag's name, value and explanation have one
// source. Refuses keys without a flag.

import type { Command } from "commander";
import { configOptions, type AnyConfigKey } from "#platform";

/** Adds the options of keys, as their definitions describe them. */
export function addKeyOptions(command: Command, keys: readonly AnyConfigKey[]): void {
  for (const { flags, description } of configOptions(keys)) command.option(flags, description);
}

/** The values given for `keys`, by flag name, as loadConfig takes them. */
export function keyFlags(
  command: Command,
  keys: readonly AnyConfigKey[],
): Readonly<Record<string, string>> {
  const options = command.opts<Record<string, unknown>>();
  const given = keys.flatMap(({ flag }) => {
    const value = flag && options[attributeOf(flag)];
    return flag && typeof value === "string" ? [[flag, value] as const] : [];
  });
  return Object.fromEntries(given);
}

// commander's own rule: --gateway-bind is the attribute gatewayBind.
function attributeOf(flag: string): string {
  return flag.replace(/^--/, "").replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
