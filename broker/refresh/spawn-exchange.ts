// Starts the child that talks to the token endpoint: a session of its own, so that no signal to the broker's
// group reaches it, and an environment of proxies and certificates alone. Refuses to put a secret on its command
// line or into its environment.

import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Environment } from "#platform";
import type { ExchangeJob } from "./exchange-job.ts";

const CHILD = join(import.meta.dir, "exchange-child.ts");

/** What a child inherits: how to reach the provider as inference does, nothing else. */
const INHERITED = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
] as const;

/** A child at work. */
export interface ExchangeProcess {
  /** Resolves when it has ended, also when it could not be started. */
  readonly exited: Promise<void>;
  /** Lets this process end before the child. */
  letGo(): void;
}

/** Starts a child on a job. */
export type SpawnExchange = (job: ExchangeJob, env: Environment) => ExchangeProcess;

/** Starts the real child. */
export const spawnExchange: SpawnExchange = (job, env) => {
  const [command = "", ...args] = commandLine();
  const child = spawn(command, args, {
    detached: true,
    cwd: "/",
    env: inherited(env),
    stdio: ["pipe", "ignore", "ignore"],
  });
  const { promise: exited, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  child.once("error", () => resolve());
  // It may be gone before it has read everything; its exit tells.
  child.stdin.on("error", () => {});
  child.stdin.end(JSON.stringify(job));
  return { exited, letGo: () => child.unref() };
};

function commandLine(): string[] {
  const direct = [process.execPath, CHILD];
  // A core dump would hold the token.
  if (process.platform === "win32") return direct;
  return ["/bin/sh", "-c", 'ulimit -c 0; exec "$0" "$@"', ...direct];
}

function inherited(env: Environment): Record<string, string> {
  const present = INHERITED.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(present);
}
