// Memory: of a process that has done nothing yet, and of the same one with 400 streams open. Each pair in a process of
// its own, because memory that was needed once is rarely given back.

import { StreamsEnded, StreamsStarted } from "../load-job.ts";
import { memoryMib } from "../process-cost.ts";
import { failureLines, pairName, titled } from "../report.ts";
import { chatPairs, type Pair } from "../pair.ts";
import { fixed, table, type Column } from "../table.ts";
import { SUBJECT } from "../target.ts";
import { judgeFigure, type Verdict } from "../verdict.ts";
import { requestOf, streamed } from "../workload.ts";
import { onFresh, type Fresh } from "./fresh.ts";
import type { Bench, Part } from "./part.ts";

/** Streams that are open when memory is read. */
export const STREAMS = 400;

/** Most MiB a gateway should need before its first request, and with all streams open. */
export const AIMS = { idleMib: 60, openMib: 110 } as const;

const QUIET_MS = 1_000;
const RAMP_MS = 500;
const OPEN_MS = 1_000;
const START_WITHIN_MS = 8_000;
const END_WITHIN_MS = 15_000;
const workload = streamed({ kind: "paced", deltas: 60, everyMs: 50 });

interface Row {
  readonly target: string;
  readonly pair: Pair;
  readonly idleMib: number;
  readonly openMib: number;
  /** Afterwards, and at the peak. */
  readonly afterMib: number;
  readonly peakMib: number;
  readonly started: number;
  readonly failed: number;
  readonly firstFailure?: string;
}

const columns: readonly Column<Row>[] = [
  { title: "target", cell: ({ target }) => target },
  { title: "client → upstream", cell: ({ pair }) => pairName(pair) },
  { title: "idle", cell: (row) => fixed(row.idleMib, 0) },
  { title: `${STREAMS} streams`, cell: (row) => fixed(row.openMib, 0) },
  { title: "after", cell: (row) => fixed(row.afterMib, 0) },
  { title: "peak", cell: (row) => fixed(row.peakMib, 0) },
  { title: "started", cell: ({ started }) => (started === STREAMS ? "" : String(started)) },
  { title: "failed", cell: ({ failed }) => (failed === 0 ? "" : String(failed)) },
];

/** Memory at rest and with streams open. */
export const memoryPart: Part = {
  id: "memory",
  title: `memory in MiB: before the first request, with ${STREAMS} open streams, a second later`,
  run: async (bench) => {
    const rows = await onFresh(bench, chatPairs, (fresh) => measure(fresh, bench));
    const text = titled(memoryPart, table(columns, rows) + failureLines(rows));
    return { text, rows, verdicts: verdictsOn(rows.filter(({ target }) => target === SUBJECT)) };
  },
};

async function measure({ target, child, pair }: Fresh, { load }: Bench): Promise<Row> {
  await Bun.sleep(QUIET_MS);
  const { now: idleMib } = memoryMib(child.pid);
  load.send({
    kind: "open-streams",
    connections: STREAMS,
    rampMs: RAMP_MS,
    startWithinMs: START_WITHIN_MS,
    endWithinMs: END_WITHIN_MS,
    ...requestOf(workload, target, pair),
  });
  const { started } = StreamsStarted.parse(await load.receive());
  await Bun.sleep(OPEN_MS);
  const { now: openMib } = memoryMib(child.pid);
  const { failed, firstFailure } = StreamsEnded.parse(await load.receive());
  await Bun.sleep(QUIET_MS);
  const { now: afterMib, peak: peakMib } = memoryMib(child.pid);
  const memory = { idleMib, openMib, afterMib, peakMib };
  const failure = firstFailure === undefined ? {} : { firstFailure };
  return { target: target.id, pair, ...memory, started, failed, ...failure };
}

function verdictsOn(rows: readonly Row[]): readonly Verdict[] {
  const worst = (of: (row: Row) => number) =>
    rows.length === 0 ? Number.NaN : Math.max(...rows.map(of));
  const isWhole = rows.every(({ failed, started }) => failed === 0 && started === STREAMS);
  const figure = { scenario: memoryPart.id, unit: " MiB" };
  return [
    judgeFigure({ ...figure, what: "idle", value: worst((row) => row.idleMib), aim: AIMS.idleMib }),
    judgeFigure(
      {
        ...figure,
        what: `with ${STREAMS} streams`,
        value: worst((row) => row.openMib),
        aim: AIMS.openMib,
      },
      { isWhole },
    ),
  ];
}
