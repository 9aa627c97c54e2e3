// Clients that begin to read a long answer and stop, as one whose terminal hangs.

import type { StallJob, StallResult } from "../load-job.ts";
import { Exchange } from "./exchange.ts";
import { requestBytesOf } from "./request-bytes.ts";

/** Stops every client's reading at its first byte; tells `onStalled`, holds, leaves. */
export async function stall(
  job: StallJob,
  onStalled: (result: StallResult) => void,
): Promise<StallResult> {
  const exchanges: Exchange[] = [];
  let stalled = 0;
  let firstFailure: string | undefined;
  const clients = Array.from({ length: job.connections }, async (_, index) => {
    const decided = Promise.withResolvers<void>();
    const exchange: Exchange = new Exchange({
      onBegin: () => {
        exchange.stopReading();
        stalled += 1;
        decided.resolve();
      },
      onAnswer: ({ status }) => {
        firstFailure ??= `answered, with status ${status}`;
        decided.resolve();
      },
      onFail: (reason) => {
        firstFailure ??= reason;
        decided.resolve();
      },
    });
    exchanges.push(exchange);
    const timer = setTimeout(() => exchange.fail("no first byte"), job.startWithinMs);
    await exchange.begin(job.url, requestBytesOf(job, index));
    await decided.promise;
    clearTimeout(timer);
  });
  await Promise.all(clients);
  const result = (): StallResult => ({
    stalled,
    readBytes: exchanges.reduce((sum, { readBytes }) => sum + readBytes, 0),
    ...(firstFailure !== undefined && { firstFailure }),
  });
  onStalled(result());
  await Bun.sleep(job.holdMs);
  for (const exchange of exchanges) exchange.leave();
  return result();
}
