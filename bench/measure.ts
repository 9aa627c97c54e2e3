// Runs the lanes of a scenario in alternated rounds and collects samples. Judges nothing: figures are made
// in summary.ts, words in report.ts.

import { BenchError } from "./bench-error.ts";
import type { Child } from "./child.ts";
import { LoadResult } from "./load-job.ts";
import { cpuSeconds } from "./process-cost.ts";
import type { Pair } from "./pair.ts";
import type { Scenario } from "./scenarios.ts";
import type { Target } from "./target.ts";
import { requestOf, type Workload } from "./workload.ts";

/**
 * Milliseconds a lane of a gateway runs before the first round. Shorter, and the figure is the compiler's: the same
 * lane cost twice as much in a run's first seconds as later in it.
 */
export const GATEWAY_WARM_UP_MS = 2_500;

/** The same for a reference, which has little code to warm. */
export const REFERENCE_WARM_UP_MS = 150;

/** One pair of formats through one target. */
export interface Lane {
  readonly scenario: Scenario;
  readonly target: Target;
  readonly pair: Pair;
}

/** One lane in one round. */
export interface Sample extends LoadResult {
  /** CPU of the target's process over what was counted; absent for direct. */
  readonly cpuSeconds?: number;
  /** What that CPU was spent on: requests, or deltas of paced streams. */
  readonly cpuUnits: number;
}

/** A lane and its samples, one per round. */
export interface Measurement {
  readonly lane: Lane;
  readonly samples: readonly Sample[];
}

/** How long and how often. */
export interface Pace {
  readonly rounds: number;
  readonly windowMs: number;
}

/** The lanes of a scenario; a reference beside the gateways' lanes of its format. */
export function lanesOf(scenario: Scenario, targets: readonly Target[]): readonly Lane[] {
  const { pairs } = scenario;
  const involved = new Set(pairs.flatMap(({ client, upstream }) => [client, upstream]));
  return [...involved].flatMap((id) =>
    targets.flatMap((target) => {
      const { serves } = target;
      const done = serves
        ? pairs.filter((pair) => pair.client === id && serves(pair))
        : [{ client: id, upstream: id }];
      return done.map((pair) => ({ scenario, target, pair }));
    }),
  );
}

/** Takes one sample of a lane. */
export type Take = (lane: Lane) => Promise<Sample>;

/** Takes a sample of every lane once per round, the order turned around in every second one. */
export async function inRounds(
  lanes: readonly Lane[],
  rounds: number,
  take: Take,
): Promise<readonly Measurement[]> {
  const measurements = lanes.map((lane) => ({ lane, samples: Array.of<Sample>() }));
  for (let round = 0; round < rounds; round += 1) {
    // Whatever slows the machine for a while shall not always hit the same lane.
    const order = round % 2 === 0 ? measurements : measurements.toReversed();
    for (const { lane, samples } of order) samples.push(await take(lane));
  }
  return measurements;
}

/** Measures every lane in a closed loop. */
export async function measure(
  lanes: readonly Lane[],
  load: Child,
  { rounds, windowMs }: Pace,
): Promise<readonly Measurement[]> {
  for (const lane of lanes) await warmUp(lane, lane.scenario.workload, load);
  return await inRounds(lanes, rounds, (lane) =>
    closedLoop(lane, lane.scenario.workload, {
      load,
      durationMs: windowMs * (lane.scenario.windows ?? 1),
    }),
  );
}

const warm = new WeakMap<Target, Set<string>>();

/** Runs a lane with `workload` until its code is compiled; shortly where the same was done in this run. */
export async function warmUp(lane: Lane, workload: Workload, load: Child): Promise<void> {
  const { target, pair } = lane;
  const done = warm.get(target) ?? new Set();
  const key = `${pair.client} ${pair.upstream} ${workload.isStream} ${workload.promptBytes}`;
  const isCold = target.serves !== undefined && !done.has(key);
  const durationMs = isCold ? GATEWAY_WARM_UP_MS : REFERENCE_WARM_UP_MS;
  await closedLoop(lane, workload, { load, durationMs });
  warm.set(target, done.add(key));
}

async function closedLoop(
  { scenario, target, pair }: Lane,
  workload: Workload,
  { load, durationMs }: { load: Child; durationMs: number },
): Promise<Sample> {
  const before = await costOf(target);
  load.send({
    kind: "closed-loop",
    connections: scenario.connections,
    durationMs,
    ...requestOf(workload, target, pair),
  });
  const result = LoadResult.parse(await load.receive());
  const after = await costOf(target);
  return {
    ...result,
    cpuUnits: result.delivered,
    ...(before !== undefined && after !== undefined && { cpuSeconds: after - before }),
  };
}

/** CPU seconds of a target so far; undefined for direct. */
export async function costOf({ process: child }: Target): Promise<number | undefined> {
  if (!child) return undefined;
  try {
    return cpuSeconds(child.pid);
  } catch (error) {
    // How it ended says more than that its figures are gone.
    throw error instanceof BenchError ? await child.explainEnd() : error;
  }
}
