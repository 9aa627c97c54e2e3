// Takes samples of paced streams: opens all of them, counts CPU and deltas for a while in their midst, and waits until
// each has ended whole. What was not wholly there while CPU was counted is a failure, not a cheap figure.

import type { Child } from "./child.ts";
import { StreamsEnded, StreamsStarted } from "./load-job.ts";
import {
  costOf,
  inRounds,
  warmUp,
  type Lane,
  type Measurement,
  type Pace,
  type Sample,
} from "./measure.ts";
import type { MockControl } from "./mock/report.ts";
import { RAMP_MS, SETTLE_MS, WINDOW_MS } from "./paced-scenarios.ts";
import { requestOf, streamed, STREAM_DELTAS, type Workload } from "./workload.ts";

/** A target has this long to begin every stream. */
export const START_WITHIN_MS = 8_000;

/** A target has this long after its last stream began to end all of them. */
export const END_WITHIN_MS = 15_000;

/** A shorter window than this says nothing: CPU is counted in steps of 10 ms. */
export const LEAST_WINDOW_MS = 1_000;

const WARM_UP_CONNECTIONS = 16;
const warmUpWorkload = streamed({ kind: "burst", deltas: STREAM_DELTAS });

/** The processes on both sides of a target. */
export interface Ends {
  readonly load: Child;
  readonly mock: MockControl;
}

/** Measures every lane with its streams open. */
export async function measurePaced(
  lanes: readonly Lane[],
  ends: Ends,
  { rounds }: Pace,
): Promise<readonly Measurement[]> {
  const subjects = lanes.filter(({ target }) => target.process !== undefined);
  for (const lane of subjects) {
    const scenario = { ...lane.scenario, connections: WARM_UP_CONNECTIONS };
    await warmUp({ ...lane, scenario }, warmUpWorkload, ends.load);
  }
  return await inRounds(subjects, rounds, (lane) => openAndCount(lane, ends));
}

async function openAndCount(
  { scenario, target, pair }: Lane,
  { load, mock }: Ends,
): Promise<Sample> {
  const { connections, workload } = scenario;
  await mock.reset();
  const beganAtMs = performance.now();
  load.send({
    kind: "open-streams",
    connections,
    rampMs: RAMP_MS,
    startWithinMs: START_WITHIN_MS,
    endWithinMs: END_WITHIN_MS,
    ...requestOf(workload, target, pair),
  });
  const { started, firstByteMs } = StreamsStarted.parse(await load.receive());
  await Bun.sleep(SETTLE_MS);
  const windowMs = Math.min(WINDOW_MS, shortestEndMs(workload, beganAtMs) - performance.now());
  const [costBefore, before] = [await costOf(target), await mock.report()];
  await Bun.sleep(Math.max(0, windowMs));
  const [costAfter, after] = [await costOf(target), await mock.report()];
  const ended = StreamsEnded.parse(await load.receive());
  const elapsedMs = performance.now() - beganAtMs;
  const wereOpen = Math.min(before.open, after.open);
  const isWhole = wereOpen === connections && windowMs >= LEAST_WINDOW_MS;
  const firstFailure =
    ended.firstFailure ??
    (isWhole
      ? undefined
      : `${wereOpen} of ${connections} streams open for ${Math.max(0, Math.round(windowMs))} ms, ${started} started`);
  return {
    delivered: ended.delivered,
    failed: isWhole ? ended.failed : Math.max(ended.failed, connections - wereOpen, 1),
    ...(firstFailure !== undefined && { firstFailure }),
    elapsedMs,
    firstByteMs,
    totalMs: { p50: elapsedMs, p99: elapsedMs },
    cpuUnits: after.deltas - before.deltas,
    ...(costBefore !== undefined &&
      costAfter !== undefined && { cpuSeconds: costAfter - costBefore }),
  };
}

// No stream ends before this: the mock's timers may be late, never early.
function shortestEndMs({ plan }: Workload, beganAtMs: number): number {
  return plan.kind === "paced" ? beganAtMs + (plan.deltas - 1) * plan.everyMs : beganAtMs;
}
