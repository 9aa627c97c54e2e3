// Runs a login on another host through ssh, with the callback port forwarded to the browser here.
// Refuses a destination or provider that ssh or the shell over there could take for anything else.

import { spawn } from "node:child_process";
import { CliError, EXIT_CODES } from "./cli-error.ts";

// No leading dash (an option of ssh), no `%` or `:` (tokens and ports of ssh), nothing a shell reads.
const DESTINATION = /^(?:[A-Za-z_][A-Za-z0-9_.-]{0,63}@)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})$/;
const PROVIDER = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** What a shell answers for a command that it does not know. */
const COMMAND_NOT_FOUND = 127;

/** A login to run elsewhere. */
export interface SshLogin {
  /** `user@host` or `host`. */
  readonly destination: string;
  readonly provider: string;
  /** Forwarded from here to there; undefined where no browser comes back. */
  readonly port: number | undefined;
  /** Tells the other side to use that port and no other. */
  readonly isPortGiven: boolean;
}

/** The arguments of ssh for a login. Throws CliError `invalid_destination` or `unknown_provider`. */
export function sshArguments({ destination, provider, port, isPortGiven }: SshLogin): string[] {
  if (!DESTINATION.test(destination)) {
    throw new CliError("invalid_destination", "--via takes user@host, and nothing else", {
      exitCode: EXIT_CODES.usage,
      hint: "Put ports, keys and jumps into ~/.ssh/config under a host name of their own.",
    });
  }
  if (!PROVIDER.test(provider)) {
    throw new CliError("unknown_provider", "that cannot be the id of a provider", {
      exitCode: EXIT_CODES.usage,
    });
  }
  const forward =
    port === undefined
      ? []
      : // Without it ssh goes on when the port is taken here, and the browser ends up with whoever took it.
        ["-o", "ExitOnForwardFailure=yes", "-L", `${port}:127.0.0.1:${port}`];
  const login = ["agent", "auth-broker", "login", provider];
  const given = isPortGiven ? ["--callback-port", String(port)] : [];
  return ["-t", ...forward, "--", destination, ...login, ...given];
}

/** Runs ssh on this terminal to its end. Throws CliError with its exit code when that is not 0. */
export async function runSsh(args: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // A Ctrl-C is the other side's, who will tell us how it ended.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  const child = spawn("ssh", args, { stdio: "inherit" });
  child.on("error", reject);
  child.on("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
  try {
    const exitCode = await promise;
    if (exitCode === 0) return;
    const hint = exitCode === COMMAND_NOT_FOUND ? "Is `agent` on the PATH over there?" : undefined;
    throw new CliError("ssh_failed", `ssh ended with exit code ${exitCode}`, { exitCode, hint });
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError("ssh_missing", "ssh cannot be started here", { cause });
  } finally {
    process.off("SIGINT", ignore);
  }
}
