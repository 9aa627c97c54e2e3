// A process that plays the clients: raw keep-alive sockets in a closed loop, every answer checked for each
// delta and the terminator. Reads jobs as JSON lines on stdin, answers one line each, ends with stdin.

import type { Socket } from "bun";
import { BenchError } from "./bench-error.ts";
import { LoadJob, type LoadResult } from "./load-job.ts";
import { DeliveryCheck } from "./marked-text.ts";
import { quantile } from "./quantile.ts";
import { ResponseReader } from "./response-reader.ts";
import { SocketWriter } from "./socket-writer.ts";

/** An answer that takes longer than this after the last request began is counted as failed. */
export const STRAGGLER_MS = 10_000;

/** Longest part of a wrong answer that is quoted. */
const QUOTED_CHARS = 300;

/** Everything the clients of one job share. */
class Run {
  readonly request: Buffer;
  readonly check: DeliveryCheck;
  readonly endsAtMs: number;
  readonly firstByteMs: number[] = [];
  readonly totalMs: number[] = [];
  failed = 0;
  firstFailure: string | undefined;

  constructor(job: LoadJob) {
    this.request = requestBytes(job);
    this.check = new DeliveryCheck(job.expect);
    this.endsAtMs = performance.now() + job.durationMs;
  }

  fail(reason: string): void {
    this.failed += 1;
    this.firstFailure ??= reason;
  }
}

function requestBytes({ url, path, headers, body }: LoadJob): Buffer {
  const bytes = Buffer.from(body);
  const fields = { host: new URL(url).host, ...headers, "content-length": String(bytes.length) };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`), bytes]);
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
      const quoted = answer.body.toString("utf8", 0, QUOTED_CHARS);
      this.#fail(`${problem}: status ${answer.status}, ${answer.body.length} bytes: ${quoted}`);
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

async function runJob(job: LoadJob): Promise<LoadResult> {
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

console.log(JSON.stringify({ ready: true }));
for await (const line of console) {
  const job = LoadJob.safeParse(JSON.parse(line));
  if (!job.success) throw new BenchError("bad_answer", `not a job: ${job.error.message}`);
  console.log(JSON.stringify(await runJob(job.data)));
}
process.exit(0);
