// Runs the lanes of a scenario in alternated rounds and collects samples. Judges nothing: figures are made
// in summary.ts, words in report.ts.

import { BenchError } from "./bench-error.ts";
import type { Child } from "./child.ts";
import { LoadResult } from "./load-job.ts";
import { cpuSeconds } from "./process-cost.ts";
import type { Pair, Scenario } from "./scenarios.ts";
import type { Target } from "./target.ts";
import { requestOf } from "./workload.ts";

/**
 * Milliseconds a lane of the gateway runs before the first round. Shorter, and the figure is the compiler's: the same
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
  /** CPU of the target's process over the run; absent for direct. */
  readonly cpuSeconds?: number;
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

/** The lanes of a scenario; a reference beside the gateway's lanes of its format. */
export function lanesOf(scenario: Scenario, targets: readonly Target[]): readonly Lane[] {
  const subjects = targets.filter(({ id }) => id === "gateway");
  const references = targets.filter(({ id }) => id !== "gateway");
  const involved = scenario.pairs.flatMap(({ client, upstream }) => [client, upstream]);
  return [...new Set(involved)].flatMap((id) => [
    ...references.map((target) => ({ scenario, target, pair: { client: id, upstream: id } })),
    ...subjects.flatMap((target) =>
      scenario.pairs
        .filter(({ client }) => client === id)
        .map((pair) => ({ scenario, target, pair })),
    ),
  ]);
}

/** Measures every lane once per round, the order turned around in every second one. */
export async function measure(
  lanes: readonly Lane[],
  load: Child,
  { rounds, windowMs }: Pace,
): Promise<readonly Measurement[]> {
  for (const lane of lanes) await runLane(lane, load, warmUpMs(lane));
  const measurements = lanes.map((lane) => ({ lane, samples: Array.of<Sample>() }));
  for (let round = 0; round < rounds; round += 1) {
    // Whatever slows the machine for a while shall not always hit the same lane.
    const order = round % 2 === 0 ? measurements : measurements.toReversed();
    for (const { lane, samples } of order) samples.push(await runLane(lane, load, windowMs));
  }
  return measurements;
}

function warmUpMs({ target }: Lane): number {
  return target.id === "gateway" ? GATEWAY_WARM_UP_MS : REFERENCE_WARM_UP_MS;
}

async function runLane(lane: Lane, load: Child, durationMs: number): Promise<Sample> {
  const { scenario, target, pair } = lane;
  const request = requestOf(scenario.shape, pair.client, {
    model: target.modelOf(pair.upstream),
    key: target.key,
  });
  const before = await costOf(target);
  load.send({ url: target.url, connections: scenario.connections, durationMs, ...request });
  const result = LoadResult.parse(await load.receive());
  const after = await costOf(target);
  return before === undefined || after === undefined
    ? result
    : { ...result, cpuSeconds: after - before };
}

async function costOf({ process: child }: Target): Promise<number | undefined> {
  if (!child) return undefined;
  try {
    return cpuSeconds(child.pid);
  } catch (error) {
    // How it ended says more than that its figures are gone.
    throw error instanceof BenchError ? await child.explainEnd() : error;
  }
}
