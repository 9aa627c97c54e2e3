// Asks the person at the terminal, and knows whether it takes colour. Refuses to ask where nobody can answer, and never echoes a secret.

import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { type Environment, Secret } from "#platform";
import { CliError, EXIT_CODES } from "./cli-error.ts";

/** True when a question would reach a person. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** True when stdout is a terminal and nobody asked for plain text (no-color.org). */
export function isColorful(env: Environment): boolean {
  return process.stdout.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
}

/** One line that is not shown. Throws CliError `no_terminal`, and `interrupted` on Ctrl-C. */
export async function askSecret(question: string): Promise<Secret> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    return new Secret(await ask("", silent));
  } finally {
    process.stderr.write("\n");
  }
}

/** One line, shown as it is typed. Throws CliError `no_terminal`, `interrupted`, or the signal's reason. */
export async function askLine(question: string, signal?: AbortSignal): Promise<string> {
  return (await ask(question, process.stderr, signal)).trim();
}

/** True for y or yes. Throws as askLine does. */
export async function askYesNo(question: string): Promise<boolean> {
  return /^y(?:es)?$/i.test(await askLine(`${question} [y/N] `));
}

async function ask(question: string, output: Writable, signal?: AbortSignal): Promise<string> {
  if (!canAsk()) {
    throw new CliError("no_terminal", "there is nobody to ask: this is not a terminal", {
      exitCode: EXIT_CODES.usage,
    });
  }
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  const stopped = new AbortController();
  lines.on("SIGINT", () => stopped.abort());
  lines.on("close", () => stopped.abort());
  const giveUp = () => stopped.abort();
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    return await lines.question(question, { signal: stopped.signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new CliError("interrupted", "nothing was changed", {
      exitCode: EXIT_CODES.interrupted,
      cause,
    });
  } finally {
    signal?.removeEventListener("abort", giveUp);
    lines.close();
  }
}
