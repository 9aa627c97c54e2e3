// Clients in a closed loop on raw keep-alive sockets: each sends its next request when the last answer is complete,
// every answer checked for each delta and the terminator.

import type { Socket } from "bun";
import type { ClosedLoopJob, LoadResult } from "../load-job.ts";
import { DeliveryCheck } from "../marked-text.ts";
import { quantile } from "../quantile.ts";
import { ResponseReader } from "../response-reader.ts";
import { SocketWriter } from "../socket-writer.ts";
import { quote } from "./exchange.ts";
import { requestBytes } from "./request-bytes.ts";

/** An answer that takes longer than this after the last request began is counted as failed. */
export const STRAGGLER_MS = 10_000;

/** Everything the clients of one job share. */
class Run {
  readonly request: Buffer;
  readonly check: DeliveryCheck;
  readonly endsAtMs: number;
  readonly firstByteMs: number[] = [];
  readonly totalMs: number[] = [];
  failed = 0;
  firstFailure: string | undefined;

  constructor(job: ClosedLoopJob) {
    this.request = requestBytes(job);
    this.check = new DeliveryCheck(job.expect);
    this.endsAtMs = performance.now() + job.durationMs;
  }

  fail(reason: string): void {
    this.failed += 1;
    this.firstFailure ??= reason;
  }
}

/** One client; ends when the time is up or at its first failure. */
class Client {
  readonly #run: Run;
  readonly #reader = new ResponseReader();
  readonly #writer = new SocketWriter();
  readonly #ended = Promise.withResolvers<void>();
  #sentAtMs = 0;
  #firstByteAtMs = 0;
  #isOver = false;

  constructor(run: Run) {
    this.#run = run;
  }

  async connect(hostname: string, port: number): Promise<void> {
    try {
      await Bun.connect({
        hostname,
        port,
        socket: {
          open: (socket) => this.#send(socket),
          drain: (socket) => this.#writer.drain(socket),
          data: (socket, bytes) => this.#receive(socket, bytes),
          close: () => this.#fail("the server closed the connection"),
          error: (_socket, error) => this.#fail(error.message),
        },
      });
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  abandon(): void {
    this.#fail(`no complete answer within ${STRAGGLER_MS} ms`);
  }

  #send(socket: Socket): void {
    this.#firstByteAtMs = 0;
    this.#sentAtMs = performance.now();
    this.#writer.write(socket, this.#run.request);
  }

  #receive(socket: Socket, bytes: Uint8Array): void {
    const answer = this.#reader.push(bytes);
    const nowMs = performance.now();
    if (this.#firstByteAtMs === 0 && (answer || this.#reader.hasBody)) this.#firstByteAtMs = nowMs;
    if (!answer) return;
    const problem = answer.status === 200 ? this.#run.check.problem(answer.body) : "not a 200";
    if (problem !== undefined) {
      this.#fail(`${problem}: ${quote(answer)}`);
      socket.end();
      return;
    }
    this.#run.firstByteMs.push(this.#firstByteAtMs - this.#sentAtMs);
    this.#run.totalMs.push(nowMs - this.#sentAtMs);
    if (nowMs < this.#run.endsAtMs) this.#send(socket);
    else this.#finish(socket);
  }

  #finish(socket: Socket): void {
    this.#isOver = true;
    socket.end();
    this.#ended.resolve();
  }

  #fail(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#run.fail(reason);
    this.#ended.resolve();
  }
}

/** Runs the clients until the time is up and their last answers are here. */
export async function closedLoop(job: ClosedLoopJob): Promise<LoadResult> {
  const { hostname, port } = new URL(job.url);
  const startedMs = performance.now();
  const run = new Run(job);
  const clients = Array.from({ length: job.connections }, () => new Client(run));
  const timer = setTimeout(() => {
    for (const client of clients) client.abandon();
  }, job.durationMs + STRAGGLER_MS);
  await Promise.all(clients.map((client) => client.connect(hostname, Number(port))));
  await Promise.all(clients.map((client) => client.ended));
  clearTimeout(timer);
  return {
    delivered: run.totalMs.length,
    failed: run.failed,
    ...(run.firstFailure !== undefined && { firstFailure: run.firstFailure }),
    elapsedMs: performance.now() - startedMs,
    firstByteMs: { p50: quantile(run.firstByteMs, 0.5), p99: quantile(run.firstByteMs, 0.99) },
    totalMs: { p50: quantile(run.totalMs, 0.5), p99: quantile(run.totalMs, 0.99) },
  };
}
