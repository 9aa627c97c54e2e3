// Figures to text: one table per scenario, memory, verdicts. Prints what was measured, failures included;
// nothing here decides an exit code.

import type { Scenario } from "./scenarios.ts";
import type { Row, Verdict } from "./summary.ts";
import type { TargetId } from "./target.ts";

/** Memory of one target's process in MiB: before the first request, and at its peak. */
export interface Memory {
  readonly target: TargetId;
  readonly idleMib: number;
  readonly peakMib: number;
}

interface Column {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

const columns: readonly Column[] = [
  { title: "target", cell: ({ target }) => target },
  { title: "client → upstream", cell: pairName },
  { title: "CPU s/1k", cell: (row) => fixed(row.cpuSecondsPer1k, 4) },
  { title: "µs/delta", cell: (row) => fixed(row.cpuUsPerDelta, 2) },
  { title: "× bare", cell: (row) => fixed(row.ratioToBare, 2) },
  { title: "× nginx", cell: (row) => fixed(row.ratioToNginx, 2) },
  { title: "req/s", cell: (row) => fixed(row.requestsPerSecond, 0) },
  { title: "p50 ms", cell: (row) => fixed(row.p50Ms, 2) },
  { title: "added p50", cell: (row) => fixed(row.addedP50Ms, 2) },
  { title: "added p99", cell: (row) => fixed(row.addedP99Ms, 2) },
  { title: "failed", cell: ({ failed }) => (failed === 0 ? "" : String(failed)) },
];

/** `messages → chat`, or the one format when nothing is translated. */
export function pairName({ pair }: Pick<Row, "pair">): string {
  return pair.client === pair.upstream ? pair.client : `${pair.client} → ${pair.upstream}`;
}

/** The table of one scenario, failures quoted below it. */
export function scenarioTable(scenario: Scenario, rows: readonly Row[]): string {
  const shown = columns.filter(({ cell }) => rows.some((row) => cell(row) !== ""));
  const order: readonly TargetId[] = ["direct", "nginx", "haproxy", "bare", "gateway"];
  const sorted = order.flatMap((id) => rows.filter(({ target }) => target === id));
  const cells = [shown.map(({ title }) => title), ...sorted.map((row) => cellsOf(row, shown))];
  const failures = rows
    .filter(({ firstFailure }) => firstFailure !== undefined)
    .map((row) => `  ! ${row.target} ${pairName(row)}: ${row.firstFailure}\n`);
  return `\n${scenario.id}: ${scenario.title}\n${align(cells)}${failures.join("")}`;
}

/** The table of memory. */
export function memoryTable(memory: readonly Memory[]): string {
  const rows = memory.map((each) => [each.target, fixed(each.idleMib, 0), fixed(each.peakMib, 0)]);
  return `\nmemory, MiB resident\n${align([["target", "idle", "peak"], ...rows])}`;
}

/** One line per verdict. */
export function verdictLines(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(({ scenario, targetRatio, worstRatio, hasPassed }) => {
    const word = hasPassed ? "pass" : "miss";
    return `${word}  ${scenario}: worst pair ${fixed(worstRatio, 2)}× bare, aim ≤ ${targetRatio}×\n`;
  });
  return lines.length === 0 ? "" : `\n${lines.join("")}`;
}

function cellsOf(row: Row, shown: readonly Column[]): readonly string[] {
  return shown.map(({ cell }) => cell(row));
}

function fixed(value: number | undefined, digits: number): string {
  if (value === undefined) return "";
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

// The first two columns are words, the rest are figures.
function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, index) =>
    Math.max(...rows.map((row) => row[index]?.length ?? 0)),
  );
  return rows
    .map((row) => row.map((cell, index) => pad(cell, widths[index] ?? 0, index)).join("  "))
    .map((line) => `  ${line.trimEnd()}\n`)
    .join("");
}

function pad(cell: string, width: number, index: number): string {
  const isFigure = /^[\d.–-]*$/.test(cell);
  return isFigure && index > 0 ? cell.padStart(width) : cell.padEnd(width);
}
