// Keeps a server command alive until it is asked to end, and ends it once: Ctrl-C, SIGTERM, or a launcher
// that has died and left us behind. Never exits the process itself.

/** How often a vanished launcher is looked for. */
export const PARENT_CHECK_MS = 1_000;

/** A second Ctrl-C within this time is the terminal's and the launcher's copy of the first. */
export const REPEAT_MS = 500;

/** Resolves when the process should stop; a later signal gives up on waiting and ends it at once. */
export function untilStopped(): Promise<void> {
  const parent = process.ppid;
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
    const watch = setInterval(() => {
      if (process.ppid !== parent) stop();
    }, PARENT_CHECK_MS);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  });
}
