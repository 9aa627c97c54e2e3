// Starting somebody else's server: a home of its own, a port that was free, and its last words where it does not listen.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "../bench-error.ts";
import { Child } from "../child.ts";
import { waitForPort } from "../listening.ts";
import type { Workplace } from "../target.ts";

/** A peer may take this long to listen. */
export const PEER_START_MS = 60_000;

/** How to start one. */
export interface PeerProcess {
  readonly name: string;
  readonly command: readonly string[];
  readonly port: number;
  /** Its environment besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The folder a peer takes for its user's home. */
export function homeOf(place: Workplace): string {
  const home = join(place.folder, "home");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return home;
}

/** Starts it and waits until it listens; whatever does not is ended. Throws BenchError. */
export async function startPeerProcess(
  { name, command, port, env = {} }: PeerProcess,
  place: Workplace,
): Promise<Child> {
  const child = new Child(command, {
    name,
    env: { ...place.env, HOME: homeOf(place), ...env },
    stderrPath: join(place.folder, "stderr"),
  });
  // What it prints is of no use, but a full pipe would stop it.
  void child.ignoreOutput();
  try {
    await waitForPort(port, child, { timeoutMs: PEER_START_MS });
    return child;
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** The Node that runs a peer. Throws BenchError (`not_here`). */
export function nodeOf(place: Workplace): string {
  const node = Bun.which("node", { PATH: place.env["PATH"] ?? "" });
  if (node === null) throw new BenchError("not_here", "it runs on Node, which is not on PATH");
  return node;
}
