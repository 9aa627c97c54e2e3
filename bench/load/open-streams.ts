// Many streams at the same time: who began, who was refused, and whether every delta of each arrived.

import type { OpenStreamsJob, StreamsEnded, StreamsStarted } from "../load-job.ts";
import { DeliveryCheck } from "../marked-text.ts";
import { quantile } from "../quantile.ts";
import type { Answer } from "../response-reader.ts";
import { Exchange, quote } from "./exchange.ts";
import { requestBytesOf } from "./request-bytes.ts";

/** Statuses by which a server says that it has enough to do. */
const REFUSALS: readonly number[] = [429, 503];

/** Opens the streams; tells `onStarted` when all are decided or the time is up, and resolves at their end. */
export async function openStreams(
  job: OpenStreamsJob,
  onStarted: (started: StreamsStarted) => void,
): Promise<StreamsEnded> {
  const run = new Run(job);
  const beganAtMs = performance.now();
  await run.begin();
  await withTimeout(run.allDecided, beganAtMs + job.startWithinMs - performance.now());
  onStarted(run.started(beganAtMs));
  const isWhole = await withTimeout(run.allOver, job.endWithinMs);
  if (!isWhole) run.giveUp(`not ended ${job.endWithinMs} ms after the start`);
  return run.ended();
}

class Run {
  readonly #job: OpenStreamsJob;
  readonly #check: DeliveryCheck;
  readonly #exchanges: readonly Exchange[];
  readonly #decided = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  readonly #refused: Record<string, number> = {};
  #refusedWithRetryAfter = 0;
  #began = 0;
  #lastBeganAtMs = 0;
  #delivered = 0;
  #failed = 0;
  #firstFailure: string | undefined;

  constructor(job: OpenStreamsJob) {
    this.#job = job;
    this.#check = new DeliveryCheck(job.expect);
    this.#exchanges = Array.from({ length: job.connections }, () => this.#exchange());
  }

  get allDecided(): Promise<void> {
    return this.#decided.promise;
  }

  get allOver(): Promise<void> {
    return this.#over.promise;
  }

  async begin(): Promise<void> {
    const { connections, rampMs, url } = this.#job;
    const connecting = this.#exchanges.map(async (exchange, index) => {
      const request = requestBytesOf(this.#job, index);
      if (rampMs > 0) await Bun.sleep((rampMs * index) / connections);
      await exchange.begin(url, request);
    });
    await Promise.all(connecting);
  }

  giveUp(reason: string): void {
    for (const exchange of this.#exchanges) exchange.fail(reason);
  }

  started(beganAtMs: number): StreamsStarted {
    const times = this.#exchanges.flatMap(({ firstByteMs = [] }) => firstByteMs);
    return {
      started: this.#began,
      refused: this.#refused,
      refusedWithRetryAfter: this.#refusedWithRetryAfter,
      startedInMs: Math.max(0, this.#lastBeganAtMs - beganAtMs),
      firstByteMs: { p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
    };
  }

  ended(): StreamsEnded {
    return {
      delivered: this.#delivered,
      failed: this.#failed,
      ...(this.#firstFailure !== undefined && { firstFailure: this.#firstFailure }),
    };
  }

  #exchange(): Exchange {
    return new Exchange({
      onBegin: () => {
        this.#began += 1;
        this.#lastBeganAtMs = performance.now();
        this.#settle();
      },
      onAnswer: (answer) => this.#judge(answer),
      onFail: (reason) => this.#fail(reason),
    });
  }

  #judge(answer: Answer): void {
    const { status } = answer;
    if (REFUSALS.includes(status)) {
      this.#refused[status] = (this.#refused[status] ?? 0) + 1;
      if (/\r\nretry-after:/i.test(answer.head)) this.#refusedWithRetryAfter += 1;
      this.#settle();
      return;
    }
    const problem = status === 200 ? this.#check.problem(answer.body) : "not a 200";
    if (problem !== undefined) return this.#fail(`${problem}: ${quote(answer)}`);
    this.#delivered += 1;
    this.#settle();
  }

  #fail(reason: string): void {
    this.#failed += 1;
    this.#firstFailure ??= reason;
    this.#settle();
  }

  #settle(): void {
    const refused = Object.values(this.#refused).reduce((sum, count) => sum + count, 0);
    const over = this.#delivered + this.#failed + refused;
    const { connections } = this.#job;
    // A stream that failed before it began is counted twice here; then there is nothing to wait for either.
    if (this.#began + this.#failed + refused >= connections) this.#decided.resolve();
    if (over >= connections) this.#over.resolve();
  }
}

/** True when `promise` was first. */
async function withTimeout(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  const timeout = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => timeout.resolve(false), Math.max(0, timeoutMs));
  const isFirst = await Promise.race([promise.then(() => true), timeout.promise]);
  clearTimeout(timer);
  return isFirst;
}
