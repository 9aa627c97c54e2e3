// `agent config`: what is set, where from, and changing it in the home file. Works on a broken
// configuration wherever it can (path, set, unset), because that is when it is needed. Refuses to
// print secrets.

import {
  type AnyConfigKey,
  ConfigError,
  type ConfigSource,
  configFiles,
  findSetting,
  homeConfigFile,
  nearest,
  type Setting,
  setInConfigFile,
  unsetInConfigFile,
} from "#platform";
import { isJsonObject, type Json } from "#wire";
import { type Command, Option } from "commander";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { CliCommand, CommandContext } from "../command.ts";

/** `agent config get|set|unset|list|path`. */
export const configCommand: CliCommand = {
  name: "config",
  summary: "read and change the configuration: get, set, unset, list, path",
  register(command, context) {
    command.addHelpText(
      "after",
      `
Examples:
  list                        every setting, its value, and where it comes from
  get KEY                     one effective value
  set KEY VALUE               write it to the home configuration file
  path                        the files that take part, lowest precedence first`,
    );
    registerGet(command, context);
    registerSet(command, context);
    registerUnset(command, context);
    registerList(command, context);
    registerPath(command, context);
  },
};

function registerGet(parent: Command, context: CommandContext): void {
  subcommand(parent, "get", "Print one effective value")
    .argument("<key>", "dotted name, e.g. as `config list` prints it")
    .action((name: string, _options: unknown, command: Command) => {
      const { isJson, file } = optionsOf(command);
      const { key, inner } = requireSetting(context.keys, name);
      const listed = context.loadConfig({}, file).list();
      const whole = listed.find((listing) => listing.name === key.name)?.value ?? null;
      const value = valueInside(whole, inner);
      context.stdout(`${isJson ? JSON.stringify(value) : printed(value)}\n`);
    });
}

function registerSet(parent: Command, context: CommandContext): void {
  parent
    .command("set")
    .description("Write a setting to the home configuration file, keeping its comments")
    .argument("<key>", "dotted name; it may go on inside a map, e.g. servers.main.url")
    .argument("<value>", "text, number, true or false; lists by comma; maps as { a: 1 }")
    .action((name: string, value: string) => {
      const setting = requireSetting(context.keys, name);
      const path = homeConfigFile(context.env);
      refusingWrongValue(setting.key, () => setInConfigFile({ path, ...setting }, value));
      context.stderr(`${name} is set in ${path}\n`);
    });
}

function registerUnset(parent: Command, context: CommandContext): void {
  parent
    .command("unset")
    .description("Remove a setting from the home configuration file")
    .argument("<key>", "dotted name")
    .action((name: string) => {
      const setting = requireSetting(context.keys, name);
      const path = homeConfigFile(context.env);
      const isRemoved = refusingWrongValue(setting.key, () =>
        unsetInConfigFile({ path, ...setting }),
      );
      context.stderr(`${name} ${isRemoved ? "is no longer set" : "was not set"} in ${path}\n`);
    });
}

function registerList(parent: Command, context: CommandContext): void {
  subcommand(parent, "list", "Print every setting, its value and its source").action(
    (_options: unknown, command: Command) => {
      const { isJson, file } = optionsOf(command);
      const listed = context.loadConfig({}, file).list();
      if (isJson) return context.stdout(`${JSON.stringify(listed)}\n`);
      const rows = listed.flatMap(({ name, value, source }) =>
        listedRows(name, value).map((row) => [...row, sourceText(source)]),
      );
      context.stdout(columns([["KEY", "VALUE", "SOURCE"], ...rows]));
    },
  );
}

function registerPath(parent: Command, context: CommandContext): void {
  subcommand(parent, "path", "Print the configuration files, lowest precedence first").action(
    (_options: unknown, command: Command) => {
      const { isJson, file } = optionsOf(command);
      const files = configFiles({ env: context.env, cwd: context.cwd, file });
      if (isJson) return context.stdout(`${JSON.stringify(files)}\n`);
      const rows = files.map((each) => [each.layer, each.path, each.exists ? "" : "(absent)"]);
      context.stdout(columns(rows));
    },
  );
}

function subcommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option("--json", "print JSON")
    .addOption(new Option("--config <file>", "read this configuration file too"));
}

function optionsOf(command: Command): { isJson: boolean; file: string | undefined } {
  const { json, config }: Record<string, unknown> = command.optsWithGlobals();
  return { isJson: json === true, file: typeof config === "string" ? config : undefined };
}

function requireSetting(keys: readonly AnyConfigKey[], name: string): Setting {
  const setting = findSetting(keys, name);
  if (setting !== undefined) return setting;
  const suggestion = nearest(
    name,
    keys.map((key) => key.name),
  );
  throw new CliError("unknown_key", `there is no setting named ${name}`, {
    exitCode: EXIT_CODES.usage,
    hint:
      suggestion === undefined
        ? "`config list` prints every setting."
        : `Did you mean ${suggestion}?`,
  });
}

// The value is the caller's wrong usage; a file that was broken before is a configuration problem.
function refusingWrongValue<T>(key: AnyConfigKey, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.problems.some(({ where }) => where !== key.name)) throw error;
    const message = error.problems.map((problem) => problem.message).join("\n");
    throw new CliError("invalid_value", message, { exitCode: EXIT_CODES.usage, cause: error });
  }
}

function valueInside(value: Json, path: readonly string[]): Json {
  return path.reduce<Json>(
    (at, name) => (isJsonObject(at) && Object.hasOwn(at, name) ? (at[name] ?? null) : null),
    value,
  );
}

/** Longest value in a table; `config get` prints the whole. */
const MAX_CELL_CHARS = 60;

/** The rows of one setting: a map has one for each entry, so that the table stays readable. */
function listedRows(name: string, value: Json): string[][] {
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  if (entries.length === 0) return [[name, shortened(printed(value))]];
  return entries.map(([entry, inner]) => [`${name}.${entry}`, shortened(printed(inner ?? null))]);
}

function shortened(text: string): string {
  return text.length <= MAX_CELL_CHARS ? text : `${text.slice(0, MAX_CELL_CHARS - 1)}…`;
}

function printed(value: Json): string {
  if (value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function sourceText({ layer, path, line, name }: ConfigSource): string {
  if (layer === "env") return `$${name}`;
  if (path !== undefined) return `${path}:${line}`;
  return name ?? layer;
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (known, row) => row.map((cell, index) => Math.max(known[index] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
