// Figures to text: one table per scenario, memory, what was left out. Prints what was measured, failures included;
// nothing here decides an exit code.

import type { Pair } from "./pair.ts";
import type { Scenario } from "./scenarios.ts";
import type { Row } from "./summary.ts";
import { fixed, table, type Column } from "./table.ts";

/** Memory of one target's process in MiB after everything, and at its peak. */
export interface Memory {
  readonly target: string;
  readonly nowMib: number;
  readonly peakMib: number;
}

const columns: readonly Column<Row>[] = [
  { title: "target", cell: ({ target }) => target },
  { title: "client → upstream", cell: ({ pair }) => pairName(pair) },
  { title: "CPU s/1k", cell: (row) => fixed(row.cpuSecondsPer1k, 4) },
  { title: "µs/delta", cell: (row) => fixed(row.cpuUsPerDelta, 2) },
  { title: "× bare", cell: (row) => fixed(row.ratioToBare, 2) },
  { title: "× nginx", cell: (row) => fixed(row.ratioToNginx, 2) },
  { title: "req/s", cell: (row) => fixed(row.requestsPerSecond, 0) },
  { title: "p50 ms", cell: (row) => fixed(row.p50Ms, 2) },
  { title: "added p50", cell: (row) => fixed(row.addedP50Ms, 2) },
  { title: "added p99", cell: (row) => fixed(row.addedP99Ms, 2) },
  { title: "first ms", cell: (row) => fixed(row.firstByteP50Ms, 2) },
  { title: "added first", cell: (row) => fixed(row.addedFirstByteP50Ms, 2) },
  { title: "failed", cell: ({ failed }) => (failed === 0 ? "" : String(failed)) },
];

/** `messages → chat`, or the one format when nothing is translated. */
export function pairName({ client, upstream }: Pair): string {
  return client === upstream ? client : `${client} → ${upstream}`;
}

/** The table of one scenario, failures quoted below it. */
export function scenarioTable(scenario: Scenario, rows: readonly Row[]): string {
  const ids = [...new Set(rows.map(({ target }) => target))];
  const sorted = ids.flatMap((id) => rows.filter(({ target }) => target === id));
  return titled(scenario, table(columns, sorted) + failureLines(rows));
}

/** A heading and what stands below it. */
export function titled({ id, title }: { id: string; title: string }, text: string): string {
  return `\n${id}: ${title}\n${text}`;
}

/** What went wrong in the rows of a table, one line each, to stand below it. */
export function failureLines(rows: readonly Failing[]): string {
  return rows
    .flatMap(({ target, pair, firstFailure = "" }) => {
      const words = firstFailure.replaceAll(/\s+/g, " ").trim();
      return words === "" ? [] : `  ! ${target} ${pairName(pair)}: ${words}\n`;
    })
    .join("");
}

interface Failing {
  readonly target: string;
  readonly pair: Pair;
  readonly firstFailure?: string;
}

/** The table of memory over the whole run. */
export function memoryTable(memory: readonly Memory[]): string {
  const lines: readonly Column<Memory>[] = [
    { title: "target", cell: ({ target }) => target },
    { title: "now", cell: ({ nowMib }) => fixed(nowMib, 0) },
    { title: "peak", cell: ({ peakMib }) => fixed(peakMib, 0) },
  ];
  return `\nmemory after all that, MiB resident\n${table(lines, memory)}`;
}

/** One line for each target that is left out. */
export function absenceLines(absent: ReadonlyMap<string, string>): string {
  const lines = [...absent].map(([id, reason]) => `  ${id}: ${reason.replaceAll(/\s+/g, " ")}\n`);
  return lines.length === 0 ? "" : `\nnot measured\n${lines.join("")}`;
}
