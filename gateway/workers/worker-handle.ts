// The primary's end of one worker process: started, spoken to, stopped, and gone once. Refuses to know what is said.

import { join } from "node:path";
import type { z } from "zod";
import { type Environment, type Logger, VERSION } from "#platform";
import { Channel, type Handlers } from "./channel.ts";
import { PRIMARY, WORKER } from "./protocol.ts";
import { settledWithin } from "./settled-within.ts";

const PROGRAM = join(import.meta.dir, "worker-process.ts");

/** How long a worker may take until it serves, in ms. */
export const START_TIMEOUT_MS = 60_000;
/** How long one may take to finish its requests and end, in ms. */
export const STOP_TIMEOUT_MS = 10_000;
/** How long one may take to end once it has nothing to do, in ms. */
const EXIT_TIMEOUT_MS = 2_000;
/** Requests to upstreams at once, which the runtime limits to 256 otherwise. */
const MAX_HTTP_REQUESTS = "65336";
/** Longest unfinished line of a worker's log that is waited for, in characters. */
const MAX_LINE_CHARS = 64 * 1024;

/** What a worker is told at its start. */
export type WorkerSettings = z.input<(typeof WORKER)["start"]["asks"]>;
/** What it answers. */
export type WorkerReady = z.output<(typeof WORKER)["start"]["answers"]>;
/** What the primary answers a worker; who is there is not asked again. */
export type PrimaryHandlers = Omit<Handlers<typeof PRIMARY>, "hello">;

/** A worker did not begin to serve. */
export class WorkerNotStarted extends Error {
  readonly code = "worker_not_started";
}

/** What a process is started with. */
export interface WorkerHandleOptions {
  /** Counted from 1; the same for a worker and the one that replaces it. */
  readonly number: number;
  readonly env: Environment;
  /** Takes whole lines of the worker's log. */
  readonly writeLog: (lines: string) => void;
  readonly handlers: (worker: WorkerHandle) => PrimaryHandlers;
  readonly log: Logger;
}

/** One process. */
export class WorkerHandle {
  readonly number: number;
  readonly channel: Channel<typeof PRIMARY, typeof WORKER>;
  /** Resolves when it is gone, with why. */
  readonly exited: Promise<string>;
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #introduced = Promise.withResolvers<string>();

  constructor({ number, env, writeLog, handlers, log }: WorkerHandleOptions) {
    this.number = number;
    this.channel = new Channel({
      own: PRIMARY,
      other: WORKER,
      handlers: {
        ...handlers(this),
        hello: ({ version }) => {
          this.#introduced.resolve(version);
          return null;
        },
      },
      send: (message) => void this.#child.send(message),
      onError: (error) =>
        log.error("a message of a worker was not understood", { error, worker: number }),
    });
    this.#child = Bun.spawn([process.execPath, PROGRAM], {
      env: { BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_HTTP_REQUESTS, ...env },
      stdio: ["ignore", "ignore", "pipe"],
      serialization: "json",
      ipc: (message: unknown) => this.channel.receive(message),
    });
    passLines(this.#child.stderr, writeLog).catch((error: unknown) => {
      log.warn("the log of a worker cannot be read any more", { error, worker: number });
    });
    this.exited = this.#child.exited.then((code) => {
      this.channel.close();
      return String(this.#child.signalCode ?? `exit code ${code}`);
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Has it serve. Rejects with what kept it from that; then it is killed. */
  async start(settings: WorkerSettings): Promise<WorkerReady> {
    const timer = setTimeout(() => this.kill(), START_TIMEOUT_MS);
    try {
      const version = await Promise.race([this.#introduced.promise, this.exited.then(ended)]);
      if (version !== VERSION) throw changed(version);
      return await Promise.race([this.channel.ask("start", settings), this.exited.then(ended)]);
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Has it finish what it serves, and ends it. */
  async stop(): Promise<void> {
    await settledWithin([this.channel.ask("stop", null)], STOP_TIMEOUT_MS);
    this.#child.disconnect();
    await settledWithin([this.exited], EXIT_TIMEOUT_MS);
    this.kill();
    await this.exited;
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

function ended(reason: string): never {
  throw new WorkerNotStarted(`a worker ended before it served (${reason}); its log says why`);
}

function changed(version: string): WorkerNotStarted {
  return new WorkerNotStarted(
    `this gateway is version ${VERSION}, and its program has become version ${version}: restart it`,
  );
}

/** Whole lines, so that those of several workers do not mix. */
async function passLines(
  stream: ReadableStream<Uint8Array>,
  write: (lines: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    const end = rest.length > MAX_LINE_CHARS ? rest.length : rest.lastIndexOf("\n") + 1;
    if (end === 0) continue;
    write(rest.slice(0, end));
    rest = rest.slice(end);
  }
  if (rest !== "") write(`${rest}\n`);
}
