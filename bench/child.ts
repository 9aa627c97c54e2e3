// A process of the bench: started with a closed environment, spoken to in lines, ended with the bench. Its
// stderr goes to a file, so that a full pipe never slows what is measured and a failure can be quoted.

import type { Subprocess } from "bun";
import { readFileSync } from "node:fs";
import { BenchError } from "./bench-error.ts";

/** A child that says nothing for this long is given up. */
export const SILENCE_MS = 30_000;

/** How long a child may take to end by itself. */
export const STOP_MS = 3_000;

/** Characters of stderr that are quoted when a child fails. */
const QUOTED_CHARS = 600;

/** How to start a child. */
export interface ChildOptions {
  /** For messages. */
  readonly name: string;
  /** Its whole environment; nothing is inherited, least of all keys. */
  readonly env: Readonly<Record<string, string>>;
  readonly stderrPath: string;
}

/** A running child process. */
export class Child {
  readonly #process: Subprocess<"pipe", "pipe", Bun.BunFile>;
  readonly #options: ChildOptions;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(command: readonly string[], options: ChildOptions) {
    this.#options = options;
    this.#process = Bun.spawn([...command], {
      env: { ...options.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: Bun.file(options.stderrPath),
    });
    this.#chunks = this.#process.stdout[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Throws BenchError, its last words quoted, once it has ended. */
  requireRunning(): void {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) throw this.#ended();
  }

  /** How it ended, and its last words; for a child that is known to be gone. */
  async explainEnd(): Promise<BenchError> {
    await this.#process.exited;
    return this.#ended();
  }

  /** Sends one JSON line. */
  send(message: object): void {
    this.#process.stdin.write(`${JSON.stringify(message)}\n`);
    this.#process.stdin.flush();
  }

  /** The next line of its stdout, as JSON. Throws BenchError when it ends or stays silent. */
  async receive(): Promise<unknown> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return this.#parse(line);
      }
      this.#text += this.#decoder.decode(await this.#read(), { stream: true });
    }
  }

  /** Reads and forgets what it prints from now on. */
  async ignoreOutput(): Promise<void> {
    while ((await this.#chunks.next()).done !== true) continue;
  }

  /** Asks it to end (stdin closed, SIGTERM), then makes it. */
  async stop(): Promise<void> {
    await this.#process.stdin.end();
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MS);
    await this.#process.exited;
    clearTimeout(timer);
  }

  /** An error about this child, with what it wrote to stderr last. */
  failure(code: "child_ended" | "child_silent" | "bad_answer", problem: string): BenchError {
    const said = readFileSync(this.#options.stderrPath, "utf8").trim().slice(-QUOTED_CHARS);
    const quoted = said === "" ? "" : `; it said: ${said}`;
    return new BenchError(code, `${this.#options.name} ${problem}${quoted}`);
  }

  #ended(): BenchError {
    const { exitCode, signalCode } = this.#process;
    return this.failure("child_ended", `ended (${signalCode ?? `exit code ${exitCode}`})`);
  }

  async #read(): Promise<Uint8Array> {
    const timeout = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => timeout.resolve(undefined), SILENCE_MS);
    const read = await Promise.race([this.#chunks.next(), timeout.promise]);
    clearTimeout(timer);
    if (!read) throw this.failure("child_silent", `said nothing for ${SILENCE_MS / 1_000} s`);
    if (read.done) throw await this.explainEnd();
    return read.value;
  }

  #parse(line: string): unknown {
    try {
      return JSON.parse(line);
    } catch {
      throw this.failure("bad_answer", `wrote a line that is no JSON: ${line.slice(0, 100)}`);
    }
  }
}
