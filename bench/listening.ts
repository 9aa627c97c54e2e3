// Ports of programs that are not ours: finding one, and knowing when it is listened on.

import { BenchError } from "./bench-error.ts";
import type { Child } from "./child.ts";

/** How long a program may take to listen, unless it is known to take longer. */
export const LISTEN_MS = 5_000;

const POLL_MS = 20;

/** A port that was free a moment ago, for programs that cannot be told to take any and say which. */
export async function freePort(): Promise<number> {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

/** Resolves when `child` listens on `port`. Throws BenchError when it ends, or takes longer than `timeoutMs`. */
export async function waitForPort(
  port: number,
  child: Child,
  { timeoutMs = LISTEN_MS }: { timeoutMs?: number } = {},
): Promise<void> {
  const givenUpAtMs = performance.now() + timeoutMs;
  while (performance.now() < givenUpAtMs) {
    child.requireRunning();
    if (await accepts(port)) return;
    await Bun.sleep(POLL_MS);
  }
  throw new BenchError("child_silent", `nothing listens on port ${port}`);
}

async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: () => undefined },
    });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
