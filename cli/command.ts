// The contract of a command: one file in commands/, one line in its list. Commands get everything they
// touch through the context, so that a test can run one without a process around it.

import type { Config, ConfigKey, Environment } from "#platform";
import type { Command } from "commander";

/** What a command may touch. */
export interface CommandContext {
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
  register(command: Command, context: CommandContext): void;
}
