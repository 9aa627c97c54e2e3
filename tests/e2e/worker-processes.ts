// What tests of a gateway of several processes have in common: who its workers are, and requests that each come on a
// connection of their own, so that the system shares them out.

import { readdirSync, readFileSync } from "node:fs";

/** The workers that a process has started. */
export function workerPids(parent = process.pid): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && isWorkerOf(pid, parent));
}

function isWorkerOf(pid: number, parent: number): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the name, which is in brackets: state, parent.
    const [state, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return command.includes("worker-process.ts") && state !== "Z" && Number(ppid) === parent;
  } catch {
    return false;
  }
}

/** Sends a request on a connection of its own, with a JSON body where there is one. */
export function sendAlone(
  url: string,
  secret: string,
  { body, ...init }: Omit<RequestInit, "body"> & { body?: unknown } = {},
): Promise<Response> {
  return fetch(url, {
    ...init,
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
    keepalive: false,
    headers: {
      authorization: `Bearer ${secret}`,
      "content-type": "application/json",
      connection: "close",
      ...(init.headers as Record<string, string> | undefined),
    },
  });
}

/** What `look` finds as soon as it finds something; a connection that breaks meanwhile is nothing. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const found = await Promise.try(look).catch(() => undefined);
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error("it does not hold in time");
    await Bun.sleep(10);
  }
}
