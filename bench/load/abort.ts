// Clients that leave before their answer is complete, and when each of them did.

import type { AbortJob, AbortResult } from "../load-job.ts";
import { Exchange } from "./exchange.ts";
import { requestBytesOf } from "./request-bytes.ts";

/** A client to whom nothing happens for so long has failed. */
const GIVE_UP_MS = 10_000;

/** Runs every client to the moment it leaves. */
export async function abort(job: AbortJob): Promise<AbortResult> {
  const leftAtMs: Record<string, number> = {};
  let firstFailure: string | undefined;
  const clients = Array.from({ length: job.connections }, async (_, index) => {
    try {
      leftAtMs[String(index)] = await runClient(job, index);
    } catch (error) {
      firstFailure ??= error instanceof Error ? error.message : String(error);
    }
  });
  await Promise.all(clients);
  return { leftAtMs, ...(firstFailure !== undefined && { firstFailure }) };
}

async function runClient(job: AbortJob, index: number): Promise<number> {
  const begun = Promise.withResolvers<void>();
  const exchange = new Exchange({
    onBegin: () => begun.resolve(),
    onAnswer: ({ status }) => begun.reject(new Error(`answered, with status ${status}`)),
    onFail: (reason) => begun.reject(new Error(reason)),
  });
  // What is thrown while nobody waits is not lost: `isOver` tells of it.
  begun.promise.catch(() => undefined);
  const timer = setTimeout(() => exchange.fail(`nothing for ${GIVE_UP_MS} ms`), GIVE_UP_MS);
  await exchange.begin(job.url, requestBytesOf(job, index));
  if (job.phase === "after") await begun.promise;
  await Bun.sleep(job.patienceMs);
  clearTimeout(timer);
  // Over already: says why, when it failed.
  if (exchange.isOver) await begun.promise;
  if (exchange.isOver) throw new Error("the answer was over before the client left");
  exchange.leave();
  return performance.timeOrigin + performance.now();
}
