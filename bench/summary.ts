// Samples to figures: medians over the rounds, and ratios to the references, each taken within its round so
// that a slow minute of the machine falls on both sides. Knows no formatting.

import type { Measurement, Sample } from "./measure.ts";
import { median } from "./quantile.ts";
import type { Pair, Scenario } from "./scenarios.ts";
import type { TargetId } from "./target.ts";
import { STREAM_DELTAS } from "./workload.ts";

/** One line of the report; absent where there is no reference or nothing to count. */
export interface Row {
  readonly scenario: string;
  readonly target: TargetId;
  readonly pair: Pair;
  readonly delivered: number;
  readonly failed: number;
  readonly firstFailure?: string;
  readonly requestsPerSecond: number;
  readonly cpuSecondsPer1k?: number;
  readonly cpuUsPerDelta?: number;
  /** CPU per request, as a multiple of the bare pass-through and of nginx. */
  readonly ratioToBare?: number;
  readonly ratioToNginx?: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly addedP50Ms?: number;
  readonly addedP99Ms?: number;
  /** To the first byte of the body, above direct. */
  readonly addedFirstByteP50Ms?: number;
}

/** Whether a scenario met what it aims at. */
export interface Verdict {
  readonly scenario: string;
  readonly targetRatio: number;
  /** The worst pair's ratio; NaN when nothing was measured. */
  readonly worstRatio: number;
  readonly hasPassed: boolean;
}

/** The figures of all measurements of one scenario. */
export function summarize(measurements: readonly Measurement[]): readonly Row[] {
  return measurements.map((measurement) => rowOf(measurement, measurements));
}

/** Compares the gateway's rows with the scenario's aim; undefined where there is none. */
export function judge(scenario: Scenario, rows: readonly Row[]): Verdict | undefined {
  const { targetRatio } = scenario;
  if (targetRatio === undefined) return undefined;
  const subjects = rows.filter(({ target }) => target === "gateway");
  const worstRatio = Math.max(...subjects.map(({ ratioToBare = Number.NaN }) => ratioToBare));
  const isWhole = subjects.length > 0 && subjects.every(({ failed }) => failed === 0);
  return {
    scenario: scenario.id,
    targetRatio,
    worstRatio,
    hasPassed: isWhole && worstRatio <= targetRatio,
  };
}

function rowOf({ lane, samples }: Measurement, all: readonly Measurement[]): Row {
  const { scenario, target, pair } = lane;
  const against = (id: TargetId, figure: Figure, combine: Combine) =>
    compare(samples, referencesOf(id, pair, all), figure, combine);
  const hasCost = target.id !== "direct";
  const cpu = hasCost ? middle(samples, cpuPerRequest) : undefined;
  const ratioToBare = hasCost ? against("bare", cpuPerRequest, ratio) : undefined;
  const ratioToNginx = hasCost ? against("nginx", cpuPerRequest, ratio) : undefined;
  const firstFailure = samples.find((sample) => sample.firstFailure !== undefined)?.firstFailure;
  const added = hasCost ? addedLatency(against) : {};
  return {
    scenario: scenario.id,
    target: target.id,
    pair,
    delivered: sum(samples, ({ delivered }) => delivered),
    failed: sum(samples, ({ failed }) => failed),
    ...(firstFailure !== undefined && { firstFailure }),
    requestsPerSecond: middle(samples, ({ delivered, elapsedMs }) => (delivered / elapsedMs) * 1e3),
    ...(cpu !== undefined && { cpuSecondsPer1k: cpu * 1e3 }),
    ...(cpu !== undefined &&
      scenario.shape === "stream" && { cpuUsPerDelta: (cpu * 1e6) / STREAM_DELTAS }),
    ...(ratioToBare !== undefined && { ratioToBare }),
    ...(ratioToNginx !== undefined && { ratioToNginx }),
    p50Ms: middle(samples, totalP50),
    p99Ms: middle(samples, totalP99),
    ...added,
  };
}

type Figure = (sample: Sample) => number;
type Combine = (subject: number, reference: number) => number;

const cpuPerRequest: Figure = (sample) => (sample.cpuSeconds ?? Number.NaN) / sample.delivered;
const totalP50: Figure = ({ totalMs }) => totalMs.p50;
const totalP99: Figure = ({ totalMs }) => totalMs.p99;
const firstByteP50: Figure = ({ firstByteMs }) => firstByteMs.p50;
const ratio: Combine = (subject, reference) => subject / reference;
const difference: Combine = (subject, reference) => subject - reference;

function addedLatency(
  against: (id: TargetId, figure: Figure, combine: Combine) => number | undefined,
): Pick<Row, "addedP50Ms" | "addedP99Ms" | "addedFirstByteP50Ms"> {
  const p50 = against("direct", totalP50, difference);
  const p99 = against("direct", totalP99, difference);
  const firstByte = against("direct", firstByteP50, difference);
  return {
    ...(p50 !== undefined && { addedP50Ms: p50 }),
    ...(p99 !== undefined && { addedP99Ms: p99 }),
    ...(firstByte !== undefined && { addedFirstByteP50Ms: firstByte }),
  };
}

// A translating lane reads one format and writes another: its reference is the mean of both, unchanged.
function referencesOf(
  id: TargetId,
  { client, upstream }: Pair,
  all: readonly Measurement[],
): readonly (readonly Sample[])[] {
  return [client, upstream].flatMap((dialect) =>
    all
      .filter(({ lane }) => lane.target.id === id && lane.pair.client === dialect)
      .map(({ samples }) => samples),
  );
}

function compare(
  samples: readonly Sample[],
  references: readonly (readonly Sample[])[],
  figure: Figure,
  combine: Combine,
): number | undefined {
  if (references.length === 0) return undefined;
  const perRound = samples.map((sample, round) => {
    const values = references.flatMap((each) => each[round] ?? []).map(figure);
    return combine(figure(sample), values.reduce((a, b) => a + b, 0) / values.length);
  });
  return median(perRound);
}

function middle(samples: readonly Sample[], figure: Figure): number {
  return median(samples.map(figure));
}

function sum(samples: readonly Sample[], figure: Figure): number {
  return samples.reduce((total, sample) => total + figure(sample), 0);
}
