// For tests: one command, most often `agent auth-broker …`, in this process, with its output caught.

import { type Environment, loadConfig } from "#platform";
import { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { configKeys } from "../config-keys.ts";
import type { CliCommand, CommandContext } from "../command.ts";
import { authBrokerCommand } from "./auth-broker.ts";

/** What the command printed, and the error it ended with. Errors not meant for people are thrown. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly error: CliError | undefined;
}

/** Runs `auth-broker` with arguments; `env` must name a PARLEY_HOME. */
export function runAuthBroker(args: readonly string[], env: Environment): Promise<RunResult> {
  return runCommand(authBrokerCommand, args, env);
}

/** Runs a command with arguments; `env` must name a PARLEY_HOME. */
export async function runCommand(
  { name, register }: CliCommand,
  args: readonly string[],
  env: Environment,
): Promise<RunResult> {
  const cwd = env["PARLEY_HOME"] ?? "/";
  let stdout = "";
  let stderr = "";
  const context: CommandContext = {
    args,
    env,
    cwd,
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
    isTty: false,
    keys: configKeys,
    loadConfig: (flags, file) => loadConfig({ keys: configKeys, env, cwd, flags, file }),
  };
  const command = new Command(name).exitOverride();
  await register(command, context);
  const error: unknown = await command.parseAsync([...args], { from: "user" }).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error !== undefined && !(error instanceof CliError)) throw error;
  return { stdout, stderr, error };
}
