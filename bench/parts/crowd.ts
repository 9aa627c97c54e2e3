// A thousand streams at once: how many of them begin, and how soon. Then more than the gateway serves at the same time:
// the rest must be told so, in a status that means it.

import { StreamsEnded, StreamsStarted } from "../load-job.ts";
import { failureLines, titled } from "../report.ts";
import type { Pair } from "../pair.ts";
import { fixed, table, type Column } from "../table.ts";
import { canServe, SUBJECT, type Target } from "../target.ts";
import { judgeFigure, type Verdict } from "../verdict.ts";
import { requestOf, streamed } from "../workload.ts";
import type { Bench, Part } from "./part.ts";

/** Streams that every target is asked for. */
export const STREAMS = 1_000;

/** Streams that the gateway is asked for besides, 200 above its `gateway.maxInFlight`. */
export const TOO_MANY_STREAMS = 2_200;

/** A stream that has not begun by then counts as not started. */
export const START_WITHIN_MS = 5_000;

const END_WITHIN_MS = 20_000;
const PAIR: Pair = { client: "chat", upstream: "chat" };
const TRANSLATED: Pair = { client: "messages", upstream: "chat" };

// Longer than the time to begin: a stream that waited for another's end must not count.
const workload = streamed({ kind: "paced", deltas: 12, everyMs: 500 });

interface Row {
  readonly target: string;
  readonly pair: Pair;
  readonly asked: number;
  readonly started: number;
  readonly startedInMs: number;
  readonly firstByteP50Ms: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly refusedWithRetryAfter: number;
  readonly delivered: number;
  readonly failed: number;
  readonly firstFailure?: string;
}

const columns: readonly Column<Row>[] = [
  { title: "target", cell: ({ target }) => target },
  { title: "asked", cell: ({ asked }) => String(asked) },
  { title: `in ${START_WITHIN_MS / 1_000} s`, cell: ({ started }) => String(started) },
  { title: "last after ms", cell: (row) => fixed(row.startedInMs, 0) },
  { title: "first p50 ms", cell: (row) => fixed(row.firstByteP50Ms, 0) },
  { title: "whole", cell: ({ delivered }) => String(delivered) },
  { title: "refused", cell: refusals },
  { title: "failed", cell: ({ failed }) => (failed === 0 ? "" : String(failed)) },
];

function refusals({ refused, refusedWithRetryAfter }: Row): string {
  const words = Object.entries(refused).map(([status, count]) => `${count} × ${status}`);
  if (words.length === 0) return "";
  return `${words.join(", ")} (${refusedWithRetryAfter} with retry-after)`;
}

/** Many streams at once. */
export const crowdPart: Part = {
  id: "crowd",
  title: `${STREAMS} streams at once, and more than the gateway serves at a time`,
  run: async (bench) => {
    const rows: Row[] = [];
    for (const target of await bench.pool.shared()) {
      const pair = canServe(target, PAIR) ? PAIR : TRANSLATED;
      rows.push(await openAll(target, pair, STREAMS, bench));
      if (target.id !== SUBJECT) continue;
      rows.push(await openAll(target, pair, TOO_MANY_STREAMS, bench));
    }
    const text = titled(crowdPart, table(columns, rows) + failureLines(rows));
    return { text, rows, verdicts: verdictsOn(rows.filter(({ target }) => target === SUBJECT)) };
  },
};

async function openAll(
  target: Target,
  pair: Pair,
  asked: number,
  { load, mock }: Bench,
): Promise<Row> {
  await mock.reset();
  load.send({
    kind: "open-streams",
    connections: asked,
    rampMs: 0,
    startWithinMs: START_WITHIN_MS,
    endWithinMs: END_WITHIN_MS,
    ...requestOf(workload, target, pair),
  });
  const { firstByteMs, ...begun } = StreamsStarted.parse(await load.receive());
  const ended = StreamsEnded.parse(await load.receive());
  const { firstFailure, delivered, failed } = ended;
  const failure = firstFailure === undefined ? {} : { firstFailure };
  const counts = { ...begun, firstByteP50Ms: firstByteMs.p50, delivered, failed };
  return { target: target.id, pair, asked, ...counts, ...failure };
}

function verdictsOn(rows: readonly Row[]): readonly Verdict[] {
  return rows.flatMap((row) => {
    const { asked, started, failed } = row;
    const figure = { scenario: crowdPart.id, isAtLeast: true, unit: "" };
    const isWhole = failed === 0;
    if (asked === STREAMS) {
      const what = "streams that start at once";
      return [judgeFigure({ ...figure, what, value: started, aim: STREAMS }, { isWhole })];
    }
    const refused = Object.values(row.refused).reduce((sum, count) => sum + count, 0);
    const what = "started, or refused with 429 or 503 and retry-after,";
    const isPolite = isWhole && row.refusedWithRetryAfter === refused && refused > 0;
    const value = started + refused;
    return [judgeFigure({ ...figure, what, value, aim: asked }, { isWhole: isPolite })];
  });
}
