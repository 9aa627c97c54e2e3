// Readers that stop reading while the upstream has 50 MiB for each: what each of them costs in memory, and how much
// the upstream was let send.

import { StallResult } from "../load-job.ts";
import { REFERENCE_WARM_UP_MS, warmUp } from "../measure.ts";
import { memoryMib } from "../process-cost.ts";
import { failureLines, pairName, titled } from "../report.ts";
import { chatPairs, type Pair } from "../pair.ts";
import type { Scenario } from "../scenarios.ts";
import { fixed, table, type Column } from "../table.ts";
import { SUBJECT } from "../target.ts";
import { judgeFigure, type Verdict } from "../verdict.ts";
import { requestOf, streamed } from "../workload.ts";
import { onFresh, type Fresh } from "./fresh.ts";
import type { Bench, Part } from "./part.ts";

/** Readers that stop. */
export const READERS = 20;

/** What the upstream has for each of them. */
export const FLOOD_MIB = 50;

/** Most MiB that one of them should cost. */
export const AIM_MIB = 1;

const START_WITHIN_MS = 8_000;
const HOLD_MS = 3_500;
/** Memory is read so long after the last reader stopped, twice, to see whether it still grows. */
const READ_AFTER_MS = [1_500, 1_500] as const;
const BYTES_PER_MIB = 1_048_576;

const workload = streamed({ kind: "flood", mib: FLOOD_MIB });
const warmUpWorkload = streamed({ kind: "paced", deltas: 20, everyMs: 2 });

interface Row {
  readonly target: string;
  readonly pair: Pair;
  readonly stalled: number;
  readonly beforeMib: number;
  readonly mibPerReader: number;
  /** The same, a while later. */
  readonly laterMibPerReader: number;
  /** What the upstream was let send to each: the kernel's buffers on the way hold some MiB of it. */
  readonly sentMibPerReader: number;
  readonly firstFailure?: string;
}

const columns: readonly Column<Row>[] = [
  { title: "target", cell: ({ target }) => target },
  { title: "client → upstream", cell: ({ pair }) => pairName(pair) },
  { title: "stalled", cell: ({ stalled }) => String(stalled) },
  { title: "before", cell: (row) => fixed(row.beforeMib, 0) },
  { title: "+ each", cell: (row) => fixed(row.mibPerReader, 2) },
  { title: "+ each later", cell: (row) => fixed(row.laterMibPerReader, 2) },
  { title: "sent to each", cell: (row) => fixed(row.sentMibPerReader, 1) },
];

/** Memory per stalled reader. */
export const stalledPart: Part = {
  id: "stalled",
  title: `${READERS} readers that stop, ${FLOOD_MIB} MiB for each: memory in MiB`,
  run: async (bench) => {
    const rows = await onFresh(bench, chatPairs, (fresh) => measure(fresh, bench));
    const text = titled(stalledPart, table(columns, rows) + failureLines(rows));
    return { text, rows, verdicts: verdictsOn(rows.filter(({ target }) => target === SUBJECT)) };
  },
};

async function measure({ target, child, pair }: Fresh, { load, mock }: Bench): Promise<Row> {
  // As many streams before: what the first ones cost is not the stalling's.
  const scenario: Scenario = {
    id: stalledPart.id,
    title: stalledPart.title,
    workload: warmUpWorkload,
    connections: READERS,
    pairs: [pair],
  };
  await warmUp({ scenario, target, pair }, warmUpWorkload, load);
  await Bun.sleep(REFERENCE_WARM_UP_MS);
  const { now: beforeMib } = memoryMib(child.pid);
  await mock.reset();
  load.send({
    kind: "stall",
    connections: READERS,
    startWithinMs: START_WITHIN_MS,
    holdMs: HOLD_MS,
    ...requestOf(workload, target, pair),
  });
  await load.receive();
  const perReader: number[] = [];
  for (const waitMs of READ_AFTER_MS) {
    await Bun.sleep(waitMs);
    perReader.push((memoryMib(child.pid).now - beforeMib) / READERS);
  }
  const { floodBytes } = await mock.report();
  const { stalled, firstFailure } = StallResult.parse(await load.receive());
  await mock.reset();
  const [mibPerReader = Number.NaN, laterMibPerReader = Number.NaN] = perReader;
  return {
    target: target.id,
    pair,
    stalled,
    beforeMib,
    mibPerReader,
    laterMibPerReader,
    sentMibPerReader: floodBytes / BYTES_PER_MIB / READERS,
    ...(firstFailure !== undefined && { firstFailure }),
  };
}

function verdictsOn(rows: readonly Row[]): readonly Verdict[] {
  if (rows.length === 0) return [];
  const isWhole = rows.every(({ stalled }) => stalled === READERS);
  const value = Math.max(...rows.map(({ laterMibPerReader }) => laterMibPerReader));
  const figure = {
    scenario: stalledPart.id,
    what: "each reader",
    value,
    aim: AIM_MIB,
    unit: " MiB",
  };
  return [judgeFigure(figure, { isWhole })];
}
