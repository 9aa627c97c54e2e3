// The contract of a command: one file in commands/, one line in its list. Commands get everything they
// touch through the context, so that a test can run one without a process around it.

import type { Config, ConfigKey, Environment } from "#platform";
import type { Command } from "commander";

/** What a command may touch. */
export interface CommandContext {
  /** The arguments as given, without node and script. */
  readonly args: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly isTty: boolean;
  /** Every product key, for listings and help. */
  readonly keys: readonly ConfigKey<unknown>[];
  /** The effective configuration; flags are by flag name (`--gateway-bind`). Throws ConfigError. */
  readonly loadConfig: (
    flags?: Readonly<Record<string, string | boolean | undefined>>,
    file?: string,
  ) => Config;
}

/** A top-level command. */
export interface CliCommand {
  readonly name: string;
  /** One line for `agent --help`. */
  readonly summary: string;
  /** Adds arguments, options and actions to the commander Command that bears the name. */
  register(command: Command, context: CommandContext): void | Promise<void>;
}

/** A command under a command: one file beside its siblings. */
export interface Subcommand {
  /** Adds arguments, options and the action to the commander Command that bears the name. */
  readonly register: (command: Command, context: CommandContext) => void | Promise<void>;
}

/** A line in the list of a command's subcommands, before their code is loaded. */
export interface ListedSubcommand {
  readonly name: string;
  /** One line for the parent's --help. */
  readonly summary: string;
  readonly load: () => Promise<Subcommand>;
}

/** Adds every subcommand to its parent, and loads the code of the one that the arguments name. */
export async function addSubcommands(
  parent: Command,
  listed: readonly ListedSubcommand[],
  context: CommandContext,
): Promise<void> {
  for (const { name, summary, load } of listed) {
    const command = parent.command(name).summary(summary).description(summary);
    if (context.args.includes(name)) await (await load()).register(command, context);
  }
}
