// A client leaves: how long until the upstream knows, before it has said anything and in the midst of its answer.
// Tokens that are written for nobody are paid all the same.

import { AbortResult, type AbortJob } from "../load-job.ts";
import { quantile } from "../quantile.ts";
import { failureLines, pairName, titled } from "../report.ts";
import { chatPairs, type Pair } from "../pair.ts";
import { fixed, table, type Column } from "../table.ts";
import { canServe, SUBJECT, type Target } from "../target.ts";
import { judgeFigure, type Verdict } from "../verdict.ts";
import { requestOf, streamed } from "../workload.ts";
import type { Bench, Part } from "./part.ts";

/** Clients that leave, for each phase and pair. */
export const CLIENTS = 20;

/** The upstream should know no later than this after the client left. */
export const AIM_MS = 100;

/** A connection that is still open after this counts as never closed. */
export const GIVE_UP_MS = 2_000;

const PATIENCE_MS = 300;
const POLL_MS = 50;

const phases = ["before", "after"] as const;
const workloads = {
  before: streamed({ kind: "silent" }),
  after: streamed({ kind: "paced", deltas: 400, everyMs: 25 }),
} as const;

interface Row {
  readonly target: string;
  readonly pair: Pair;
  readonly phase: AbortJob["phase"];
  readonly left: number;
  readonly closed: number;
  readonly p50Ms: number;
  readonly maxMs: number;
  readonly firstFailure?: string;
}

const columns: readonly Column<Row>[] = [
  { title: "target", cell: ({ target }) => target },
  { title: "client → upstream", cell: ({ pair }) => pairName(pair) },
  { title: "first byte", cell: ({ phase }) => (phase === "before" ? "not yet" : "was there") },
  { title: "left", cell: ({ left }) => String(left) },
  { title: "closed", cell: ({ closed }) => String(closed) },
  { title: "p50 ms", cell: (row) => fixed(row.p50Ms, 1) },
  { title: "max ms", cell: (row) => fixed(row.maxMs, 1) },
];

/** From the client's close to the upstream's. */
export const abortPart: Part = {
  id: "abort",
  title: `${CLIENTS} clients leave: when the upstream's connection is closed (within ${GIVE_UP_MS / 1_000} s)`,
  run: async (bench) => {
    const rows: Row[] = [];
    const targets = (await bench.pool.shared()).filter(({ process: child }) => child !== undefined);
    for (const target of targets) {
      const served = chatPairs.filter((pair) => canServe(target, pair));
      for (const pair of served) {
        for (const phase of phases) rows.push(await leave(target, pair, phase, bench));
      }
    }
    const text = titled(abortPart, table(columns, rows) + failureLines(rows));
    return { text, rows, verdicts: verdictsOn(rows.filter(({ target }) => target === SUBJECT)) };
  },
};

async function leave(
  target: Target,
  pair: Pair,
  phase: AbortJob["phase"],
  { load, mock }: Bench,
): Promise<Row> {
  await mock.reset();
  load.send({
    kind: "abort",
    connections: CLIENTS,
    phase,
    patienceMs: PATIENCE_MS,
    ...requestOf(workloads[phase], target, pair),
  });
  const { leftAtMs, firstFailure } = AbortResult.parse(await load.receive());
  const left = Object.entries(leftAtMs);
  const givenUpAtMs = performance.now() + GIVE_UP_MS;
  let { closedAtMs } = await mock.report();
  while (left.some(([client]) => !(client in closedAtMs)) && performance.now() < givenUpAtMs) {
    await Bun.sleep(POLL_MS);
    ({ closedAtMs } = await mock.report());
  }
  const delays = left.flatMap(([client, atMs]) => {
    const closed = closedAtMs[client];
    return closed === undefined ? [] : [closed - atMs];
  });
  await mock.reset();
  return {
    target: target.id,
    pair,
    phase,
    left: left.length,
    closed: delays.length,
    p50Ms: delays.length === 0 ? Number.NaN : quantile(delays, 0.5),
    maxMs: delays.length === 0 ? Number.NaN : Math.max(...delays),
    ...(firstFailure !== undefined && { firstFailure }),
  };
}

function verdictsOn(rows: readonly Row[]): readonly Verdict[] {
  return phases.flatMap((phase) => {
    const own = rows.filter((row) => row.phase === phase);
    if (own.length === 0) return [];
    const isWhole = own.every(({ left, closed }) => left === CLIENTS && closed === CLIENTS);
    const what = `slowest close ${phase} the first byte`;
    const value = Math.max(...own.map(({ maxMs }) => maxMs));
    const figure = { scenario: abortPart.id, what, value, aim: AIM_MS, unit: " ms" };
    return [judgeFigure(figure, { isWhole })];
  });
}
