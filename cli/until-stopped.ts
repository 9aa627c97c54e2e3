// Keeps a server command alive until it is asked to end, and ends it once: Ctrl-C, SIGTERM, or a launcher that
// was killed and left us behind. Never exits the process itself, unless asked twice.

import type { Environment } from "#platform";
import { CliError, EXIT_CODES } from "./cli-error.ts";

/** Variable in which bin/agent.mjs leaves its pid. */
export const LAUNCHER_VARIABLE = "PARLEY_LAUNCHER_PID";

/** The person gave up on a command before it was ready. */
export class Interrupted extends CliError {
  constructor() {
    super("interrupted", "stopped before it was ready", { exitCode: EXIT_CODES.interrupted });
  }
}

/** The promise's value; throws Interrupted when the stop comes first. */
export function unlessStopped<T>(work: Promise<T>, stopped: Promise<void>): Promise<T> {
  return Promise.race([
    work,
    stopped.then((): never => {
      throw new Interrupted();
    }),
  ]);
}

/** How often a vanished launcher is looked for. */
export const LAUNCHER_CHECK_MS = 1_000;

/** A second Ctrl-C within this time is the terminal's and the launcher's copy of the first. */
export const REPEAT_MS = 500;

/** Resolves when the process should stop; a later signal gives up on waiting and ends it at once. */
export function untilStopped(env: Environment): Promise<void> {
  return new Promise((resolve) => {
    let stoppedAtMs: number | undefined;
    const stop = () => {
      const nowMs = performance.now();
      if (stoppedAtMs !== undefined && nowMs - stoppedAtMs > REPEAT_MS) process.exit(130);
      if (stoppedAtMs !== undefined) return;
      stoppedAtMs = nowMs;
      clearInterval(watch);
      resolve();
    };
    const watch = watchLauncher(env, stop);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  });
}

// Only our own launcher is watched: started by anything else, a parent may leave on purpose (nohup, a script).
function watchLauncher(
  env: Environment,
  stop: () => void,
): ReturnType<typeof setInterval> | undefined {
  const launcher = Number(env[LAUNCHER_VARIABLE]);
  if (launcher !== process.ppid) return undefined;
  return setInterval(() => {
    if (process.ppid !== launcher) stop();
  }, LAUNCHER_CHECK_MS);
}
