// A program of the bench: thousands of subscribers of a broker's stream, on raw sockets. It counts the frames
// and bytes that arrive after the first snapshot, and says when the last subscriber has its frame.

import { createInterface } from "node:readline";
import type { z } from "zod";
import { median } from "../quantile.ts";
import { SubscriberJob, type SubscriberResult } from "./subscriber-job.ts";

const END_OF_FRAME = Buffer.from("\n\n");

/** When the first and the last subscriber had the n-th frame, by performance.now(). */
interface Arrival {
  firstMs: number;
  lastMs: number;
}

const arrivals: Arrival[] = [];

class Subscriber {
  frames = 0;
  bytes = 0;
  #isCounting = false;
  readonly #onSnapshot: () => void;

  constructor(onSnapshot: () => void) {
    this.#onSnapshot = onSnapshot;
  }

  /** From here on frames are counted. */
  count(): void {
    this.#isCounting = true;
  }

  take(chunk: Buffer): void {
    if (this.#isCounting) this.bytes += chunk.length;
    for (let at = chunk.indexOf(END_OF_FRAME); at !== -1;) {
      this.#frame();
      at = chunk.indexOf(END_OF_FRAME, at + END_OF_FRAME.length);
    }
  }

  #frame(): void {
    if (!this.#isCounting) return this.#onSnapshot();
    const nowMs = performance.now();
    const arrival = (arrivals[this.frames] ??= { firstMs: nowMs, lastMs: nowMs });
    arrival.lastMs = nowMs;
    this.frames += 1;
  }
}

async function subscribe(job: z.infer<typeof SubscriberJob>, subscribers: Subscriber[]) {
  const { hostname, port } = new URL(job.url);
  const { promise: isReady, resolve } = Promise.withResolvers<void>();
  let missing = job.subscribers;
  const onSnapshot = () => {
    missing -= 1;
    if (missing === 0) resolve();
  };
  for (let index = 0; index < job.subscribers; index++) {
    const subscriber = new Subscriber(onSnapshot);
    subscribers.push(subscriber);
    const request = `GET /v1/snapshot/stream HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${job.token}\r\n\r\n`;
    await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: (socket) => void socket.write(request),
        data: (_socket, chunk) => subscriber.take(chunk),
      },
    });
  }
  await isReady;
}

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value;
  const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
  const subscribers: Subscriber[] = [];
  const job = SubscriberJob.parse(JSON.parse((await next()) ?? "null"));
  const startedAtMs = performance.now();
  await subscribe(job, subscribers);
  say({ connectedInMs: performance.now() - startedAtMs });
  await next();
  for (const subscriber of subscribers) subscriber.count();
  say({ counting: true });
  await next();
  say(resultOf(subscribers));
}

function resultOf(subscribers: readonly Subscriber[]): SubscriberResult {
  const frames = subscribers.map((subscriber) => subscriber.frames);
  return {
    minFrames: Math.min(...frames),
    maxFrames: Math.max(...frames),
    maxBytes: Math.max(...subscribers.map((subscriber) => subscriber.bytes)),
    spreadMs: median(arrivals.map(({ firstMs, lastMs }) => lastMs - firstMs)),
  };
}

await main();
process.exit(0);
