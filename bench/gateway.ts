// `npm run bench`: the gateway beside its references, in one run on one machine. Prints figures and whether
// they meet the aims; never fails because of a figure, because a shared machine proves nothing that way.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "#platform";
import { BenchError, type BenchErrorCode } from "./bench-error.ts";
import { MockControl } from "./mock/report.ts";
import { HELP, parseOptions, type BenchOptions } from "./options.ts";
import type { Bench, PartReport } from "./parts/part.ts";
import { writePerformancePage } from "./performance-page.ts";
import { memoryMib, requireProc } from "./process-cost.ts";
import { absenceLines, memoryTable, type Memory } from "./report.ts";
import { startersFor } from "./starters.ts";
import { TargetPool } from "./target-pool.ts";
import { startMock, startScript, type Target, type Workplace } from "./target.ts";
import { verdictLines } from "./verdict.ts";

const printed: string[] = [];

function print(text: string): void {
  printed.push(text);
  process.stdout.write(text);
}

async function main(options: BenchOptions): Promise<void> {
  requireProc();
  const { PATH = "" } = environment();
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rmSync(folder, { recursive: true, force: true }));
  // Losing the race, a run is left alone: what it waits for ends with its children.
  await Promise.race([run({ folder, env: { PATH } }, cleanup, options), interruption()]);
}

async function run(
  place: Workplace,
  cleanup: AsyncDisposableStack,
  options: BenchOptions,
): Promise<void> {
  const load = startScript("load-generator.ts", [], place);
  cleanup.defer(() => load.stop());
  await load.receive();
  const { child, direct } = await startMock(place);
  cleanup.defer(direct.stop);
  const pool = new TargetPool(startersFor(options), { direct, place, cleanup });
  const bench = { pool, load, mock: new MockControl(child), pace: options };
  printHead(options);
  const reports = await runParts(bench, options);
  const verdicts = reports.flatMap((report) => report.verdicts);
  print(absenceLines(pool.absent) + verdictLines(verdicts));
  print(`load average at the end ${loadAverage()}\n`);
  if (options.writesDocs) writePerformancePage(printed.join(""));
  if (options.jsonPath !== undefined) {
    const parts = reports.map(({ id, rows }) => ({ id, rows }));
    const absent = Object.fromEntries(pool.absent);
    writeFileSync(options.jsonPath, `${JSON.stringify({ parts, verdicts, absent }, null, 2)}\n`);
  }
}

interface NamedReport extends PartReport {
  readonly id: string;
}

async function runParts(bench: Bench, { parts }: BenchOptions): Promise<readonly NamedReport[]> {
  const reports: NamedReport[] = [];
  const beganAtMs = performance.now();
  for (const [index, { id, run }] of parts.entries()) {
    const elapsedS = Math.round((performance.now() - beganAtMs) / 1_000);
    process.stderr.write(`${index + 1} of ${parts.length}: ${id} (${elapsedS} s so far)\n`);
    const report = await run(bench);
    print(report.text);
    reports.push({ ...report, id });
  }
  if (bench.pool.hasShared) print(memoryTable(memoryOf(await bench.pool.shared())));
  return reports;
}

// Without this a Ctrl-C would leave the servers and the folder behind.
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => reject(new BenchError("interrupted", `stopped by ${signal}`)));
    }
  });
}

function printHead({ rounds, windowMs }: BenchOptions): void {
  const machine = `Bun ${Bun.version}, ${cpus().length} cores, ${cpus()[0]?.model.trim()}`;
  print(`${machine}; load average ${loadAverage()}\n`);
  print(`${rounds} rounds of ${windowMs} ms\n`);
}

// Of the last minute; about 0 before a run that can be trusted.
function loadAverage(): string {
  return (loadavg()[0] ?? Number.NaN).toFixed(1);
}

function memoryOf(targets: readonly Target[]): readonly Memory[] {
  return targets.flatMap(({ id, process: child }) => {
    if (!child) return [];
    const { now, peak } = memoryMib(child.pid);
    return [{ target: id, nowMib: now, peakMib: peak }];
  });
}

const EXIT_CODES: Partial<Record<BenchErrorCode, number>> = { bad_option: 2, interrupted: 130 };

async function runToExitCode(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.isHelp) process.stdout.write(HELP);
    else await main(options);
    return 0;
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    process.stderr.write(`bench: ${error.message}\n`);
    return EXIT_CODES[error.code] ?? 1;
  }
}

const code = await runToExitCode(process.argv.slice(2));
// A pipe may still hold the last lines.
await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
process.exit(code);
