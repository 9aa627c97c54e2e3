// Runs one child per attempt and waits for its end, within limits. Refuses to look at what it brought: that is in
// the spool.

import { type Environment, type Logger, VERSION } from "#platform";
import type { TokenRequest } from "../oauth/token-request.ts";
import type { ExchangeProcess, SpawnExchange } from "./spawn-exchange.ts";
import type { Spool } from "./spool.ts";

/** How long a provider may take to answer, in ms; the lease is longer. */
export const EXCHANGE_TIMEOUT_MS = 30_000;
/** What a child may take beside its exchange: to start, and to store the answer; in ms. */
export const CHILD_MARGIN_MS = 10_000;
/** Largest answer of a token endpoint, in bytes. */
export const MAX_TOKEN_ANSWER_BYTES = 1024 * 1024;

/** What running children needs. */
interface ExchangesOptions {
  readonly spool: Spool;
  readonly spawn: SpawnExchange;
  readonly env: Environment;
  readonly log: Logger;
  readonly timeoutMs: number;
}

/** The children of this process. */
export class Exchanges {
  readonly #options: ExchangesOptions;
  readonly #running = new Set<ExchangeProcess>();

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** How long a child may take in all, in ms. */
  get limitMs(): number {
    return this.#options.timeoutMs + CHILD_MARGIN_MS;
  }

  /** Resolves when the child has ended or has taken too long. */
  async run(attemptId: string, request: TokenRequest): Promise<void> {
    const child = this.#spawn(attemptId, request);
    if (child === undefined) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.limitMs);
    await Promise.race([child.exited, late]);
    clearTimeout(timer);
  }

  /** Lets this process end before those of its children that still run. */
  letGo(): void {
    for (const child of this.#running) child.letGo();
  }

  #spawn(attemptId: string, request: TokenRequest): ExchangeProcess | undefined {
    const { spool, spawn, env, log, timeoutMs } = this.#options;
    const headers = { "user-agent": `parley/${VERSION}`, ...request.headers };
    const job = {
      attemptId,
      directory: spool.directory,
      spoolKey: Buffer.from(spool.keyOf(attemptId)).toString("base64"),
      timeoutMs,
      maxBytes: MAX_TOKEN_ANSWER_BYTES,
      request: { ...request, headers },
    };
    try {
      const child = spawn(job, env);
      this.#running.add(child);
      void child.exited.then(() => this.#running.delete(child));
      return child;
    } catch (error) {
      log.error("the process that refreshes could not be started", { error });
      return undefined;
    }
  }
}
