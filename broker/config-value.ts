// Turns a configuration value that names a secret into the secret: a literal, the name of an
// environment variable, or !command. Refuses to take a missing variable's name for the secret itself.

import { spawn } from "node:child_process";
import { type Config, type ConfigKey, type Environment, Secret, registerSecret } from "#platform";
import { vaultKey, vaultPassphrase } from "./config.ts";
import { ConfigValueError } from "./errors.ts";

/** How long a !command may run, in ms. */
export const COMMAND_TIMEOUT_MS = 10_000;
/** How much a !command may print, in bytes. */
export const MAX_COMMAND_OUTPUT_BYTES = 65_536;

const VARIABLE_NAME = /^[A-Z][A-Z0-9_]*$/;

/** Runs a shell command and gives what it printed. Throws ConfigValueError. */
export type RunCommand = (command: string, env: Environment) => Promise<string>;

/**
 * The secret that a configuration value stands for, hidden from logs ever after; undefined when the
 * value is empty. Throws ConfigValueError for a variable that is not set and a command that fails.
 */
export async function resolveConfigValue(
  text: string,
  env: Environment,
  options: { run?: RunCommand } = {},
): Promise<Secret | undefined> {
  const value = await resolveConfigText(text, env, options);
  if (value === undefined) return undefined;
  registerSecret(value);
  return new Secret(value);
}

/**
 * The secret of a setting; undefined when it is empty. What a variable or flag holds is the secret itself:
 * only files may name other variables or commands. Throws ConfigValueError.
 */
export async function resolveSecretSetting(
  config: Config,
  key: ConfigKey<string>,
  env: Environment,
  options: { run?: RunCommand } = {},
): Promise<Secret | undefined> {
  const text = config.get(key);
  const { layer } = config.source(key);
  if (layer !== "env" && layer !== "flag") return resolveConfigValue(text, env, options);
  if (text.trim() === "") return undefined;
  registerSecret(text.trim());
  return new Secret(text.trim());
}

/** The same for a value that is no secret, such as a URL. */
export async function resolveConfigText(
  text: string,
  env: Environment,
  { run = runCommand }: { run?: RunCommand } = {},
): Promise<string | undefined> {
  const value = text.trim();
  if (value === "") return undefined;
  if (value.startsWith("!")) return printed(value.slice(1).trim(), env, run);
  const fromEnvironment = Object.hasOwn(env, value) ? (env[value] ?? "").trim() : "";
  if (fromEnvironment !== "") return fromEnvironment;
  if (!VARIABLE_NAME.test(value)) return value;
  throw new ConfigValueError("variable_not_set", `environment variable ${value} is not set`, {
    fix: `Set ${value}, or write the value itself or !command in its place.`,
  });
}

async function printed(command: string, env: Environment, run: RunCommand): Promise<string> {
  const output = (await run(command, env)).trim();
  if (output !== "") return output;
  throw commandFailed("printed nothing");
}

/** Runs `sh -c` with bounded time and output; its standard error goes nowhere. */
export function runCommand(
  command: string,
  env: Environment,
  { timeoutMs = COMMAND_TIMEOUT_MS }: { timeoutMs?: number } = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  // Its own process group, so that whatever the shell started ends with it.
  const child = spawn("/bin/sh", ["-c", command], {
    detached: true,
    env: withoutVaultKey(env),
    stdio: ["ignore", "pipe", "ignore"],
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  const fail = (reason: string, cause?: unknown) => {
    clearTimeout(timer);
    killGroup(child.pid);
    reject(commandFailed(reason, cause));
  };
  const timer = setTimeout(() => fail(`took longer than ${timeoutMs} ms`), timeoutMs);
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_COMMAND_OUTPUT_BYTES) fail(`printed over ${MAX_COMMAND_OUTPUT_BYTES} bytes`);
    else chunks.push(chunk);
  });
  child.on("error", (cause) => fail("could not be started", cause));
  child.on("close", (exitCode) => {
    if (exitCode !== 0) return fail(`ended with exit code ${exitCode}`);
    clearTimeout(timer);
    resolve(Buffer.concat(chunks).toString("utf8"));
  });
  return promise;
}

/** A command that fetches one secret needs none of those that open the vault. */
function withoutVaultKey(env: Environment): Record<string, string | undefined> {
  const names: readonly (string | undefined)[] = [vaultKey.env, vaultPassphrase.env];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}

// The command's text is left out: operators put secrets on command lines.
function commandFailed(reason: string, cause?: unknown): ConfigValueError {
  return new ConfigValueError("command_failed", `the !command of a configuration value ${reason}`, {
    fix: "Run it by hand with `sh -c` to see why.",
    cause,
  });
}
