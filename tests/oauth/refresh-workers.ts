// Starts refresh-process.ts, line by line. Refuses to leave one behind.

import { join } from "node:path";
import type { RefreshUnderTest } from "./refresh-under-test.ts";
import type { OAuthPeer } from "./oauth-peer.ts";

/** What a worker is to refresh. */
interface RefreshWorkerOptions {
  readonly ids: readonly number[];
  /** How many callers ask for each; 1 when absent. */
  readonly times?: number;
  readonly freshMs?: number;
  /** A program that starts it. */
  readonly launcher?: readonly string[];
}

/** A refresher in a process of its own. */
export class RefreshWorker implements AsyncDisposable {
  readonly #process;
  readonly #lines: AsyncIterator<string>;

  constructor(
    { home }: Pick<RefreshUnderTest, "home">,
    { tokenEndpoint }: Pick<OAuthPeer, "tokenEndpoint">,
    options: RefreshWorkerOptions,
  ) {
    const { ids, times = 1, freshMs, launcher = [] } = options;
    const script = join(import.meta.dir, "refresh-process.ts");
    const args = ["--home", home, "--token-endpoint", tokenEndpoint, "--times", String(times)];
    if (freshMs !== undefined) args.push("--fresh-ms", String(freshMs));
    const each = ids.flatMap((id) => ["--id", String(id)]);
    this.#process = Bun.spawn([...launcher, process.execPath, script, ...args, ...each], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      env: {},
    });
    this.#lines = linesOf(this.#process.stdout);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get exited(): Promise<number> {
    return this.#process.exited;
  }

  /** The next line that it prints; undefined when it has ended. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  /** Lets it begin. */
  async go(): Promise<void> {
    this.#process.stdin.write("go\n");
    await this.#process.stdin.flush();
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

async function* linesOf(output: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of output) {
    const lines = (text + decoder.decode(piece, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}
