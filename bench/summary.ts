// Samples to figures: medians over the rounds, and ratios to the references, each taken within its round so
// that a slow minute of the machine falls on both sides. Knows no formatting.

import type { Measurement, Sample } from "./measure.ts";
import { median } from "./quantile.ts";
import { isSameFormat, type Pair } from "./pair.ts";
import type { Scenario } from "./scenarios.ts";
import { SUBJECT } from "./target.ts";
import { judgeFigure, type Verdict } from "./verdict.ts";
import { deltasOf } from "./workload.ts";

/** One line of the report; absent where there is no reference or nothing to count. */
export interface Row {
  readonly scenario: string;
  readonly target: string;
  readonly pair: Pair;
  readonly delivered: number;
  readonly failed: number;
  readonly firstFailure?: string;
  /** Of a closed loop; open streams are begun once. */
  readonly requestsPerSecond?: number;
  readonly cpuSecondsPer1k?: number;
  readonly cpuUsPerDelta?: number;
  /** CPU per request or per delta, as a multiple of the bare pass-through and of nginx. */
  readonly ratioToBare?: number;
  readonly ratioToNginx?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly addedP50Ms?: number;
  readonly addedP99Ms?: number;
  /** To the first byte of a stream's body, and that above direct. */
  readonly firstByteP50Ms?: number;
  readonly addedFirstByteP50Ms?: number;
}

/** The figures of all measurements of one scenario. */
export function summarize(measurements: readonly Measurement[]): readonly Row[] {
  return measurements.map((measurement) => rowOf(measurement, measurements));
}

/** Compares the gateway's rows with the scenario's aims. */
export function judge({ id, aims = {} }: Scenario, rows: readonly Row[]): readonly Verdict[] {
  const { sameRatio, translatedRatio, addedP50Ms, addedFirstByteMs } = aims;
  const own = rows.filter(({ target }) => target === SUBJECT);
  const same = own.filter(({ pair }) => isSameFormat(pair));
  const translated = own.filter(({ pair }) => !isSameFormat(pair));
  const ratios: Worst = {
    what: "CPU of the worst pair",
    unit: "× bare",
    of: (row) => row.ratioToBare,
  };
  const judged = (aim: number | undefined, worst: Worst, among: readonly Row[]) =>
    aim === undefined ? [] : worstOf(id, aim, worst, among);
  return [
    ...judged(sameRatio, ratios, same),
    ...judged(translatedRatio, { ...ratios, what: "CPU of the worst translated pair" }, translated),
    ...judged(addedP50Ms, { what: "added p50", unit: " ms", of: (row) => row.addedP50Ms }, same),
    ...judged(
      addedFirstByteMs,
      { what: "added to the first chunk", unit: " ms", of: (row) => row.addedFirstByteP50Ms },
      own,
    ),
  ];
}

interface Worst {
  readonly what: string;
  readonly unit: string;
  readonly of: (row: Row) => number | undefined;
}

function worstOf(
  scenario: string,
  aim: number,
  { what, unit, of }: Worst,
  rows: readonly Row[],
): readonly Verdict[] {
  const value =
    rows.length === 0 ? Number.NaN : Math.max(...rows.map((row) => of(row) ?? Number.NaN));
  const isWhole = rows.every(({ failed }) => failed === 0);
  return [judgeFigure({ scenario, what, unit, value, aim }, { isWhole })];
}

function rowOf({ lane, samples }: Measurement, all: readonly Measurement[]): Row {
  const { scenario, target, pair } = lane;
  const against: Against = (id, figure, combine) =>
    compare(samples, referencesOf(id, pair, all), figure, combine);
  const hasCost = target.process !== undefined;
  const cpu = hasCost ? middle(samples, cpuPerUnit) : undefined;
  const ratioToBare = hasCost ? against("bare", cpuPerUnit, ratio) : undefined;
  const ratioToNginx = hasCost ? against("nginx", cpuPerUnit, ratio) : undefined;
  const firstFailure = samples.find((sample) => sample.firstFailure !== undefined)?.firstFailure;
  return {
    scenario: scenario.id,
    target: target.id,
    pair,
    delivered: sum(samples, ({ delivered }) => delivered),
    failed: sum(samples, ({ failed }) => failed),
    ...(firstFailure !== undefined && { firstFailure }),
    ...(cpu !== undefined && costs(cpu, scenario)),
    ...(ratioToBare !== undefined && { ratioToBare }),
    ...(ratioToNginx !== undefined && { ratioToNginx }),
    ...(scenario.workload.isStream && { firstByteP50Ms: middle(samples, firstByteP50) }),
    ...(scenario.isOpen !== true && latency(samples, scenario, hasCost ? against : undefined)),
  };
}

function costs(
  cpu: number,
  { workload, isOpen }: Scenario,
): Pick<Row, "cpuSecondsPer1k" | "cpuUsPerDelta"> {
  if (isOpen === true) return { cpuUsPerDelta: cpu * 1e6 };
  const perDelta = workload.isStream && { cpuUsPerDelta: (cpu * 1e6) / deltasOf(workload) };
  return { cpuSecondsPer1k: cpu * 1e3, ...perDelta };
}

type Figure = (sample: Sample) => number;
type Combine = (subject: number, reference: number) => number;
type Against = (id: string, figure: Figure, combine: Combine) => number | undefined;
type Latency = Pick<
  Row,
  "requestsPerSecond" | "p50Ms" | "p99Ms" | "addedP50Ms" | "addedP99Ms" | "addedFirstByteP50Ms"
>;

const cpuPerUnit: Figure = ({ cpuSeconds = Number.NaN, cpuUnits }) => cpuSeconds / cpuUnits;
const totalP50: Figure = ({ totalMs }) => totalMs.p50;
const totalP99: Figure = ({ totalMs }) => totalMs.p99;
const firstByteP50: Figure = ({ firstByteMs }) => firstByteMs.p50;
const ratio: Combine = (subject, reference) => subject / reference;
const difference: Combine = (subject, reference) => subject - reference;

function latency(
  samples: readonly Sample[],
  { workload }: Scenario,
  against: Against | undefined,
): Latency {
  const p50 = against?.("direct", totalP50, difference);
  const p99 = against?.("direct", totalP99, difference);
  const firstByte = workload.isStream ? against?.("direct", firstByteP50, difference) : undefined;
  return {
    requestsPerSecond: middle(samples, ({ delivered, elapsedMs }) => (delivered / elapsedMs) * 1e3),
    p50Ms: middle(samples, totalP50),
    p99Ms: middle(samples, totalP99),
    ...(p50 !== undefined && { addedP50Ms: p50 }),
    ...(p99 !== undefined && { addedP99Ms: p99 }),
    ...(firstByte !== undefined && { addedFirstByteP50Ms: firstByte }),
  };
}

// A translating lane reads one format and writes another: its reference is the mean of both, unchanged.
function referencesOf(
  id: string,
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
