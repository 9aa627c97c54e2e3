// `npm run bench`: the gateway beside its references, in one run on one machine. Prints figures and whether
// they meet the aims; never fails because of a figure, because a shared machine proves nothing that way.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "#platform";
import { BenchError, type BenchErrorCode } from "./bench-error.ts";
import type { Child } from "./child.ts";
import { startGatewayTarget } from "./gateway-target.ts";
import { lanesOf, measure } from "./measure.ts";
import { startHaproxy } from "./haproxy.ts";
import { startNginx } from "./nginx.ts";
import { HELP, parseOptions, type BenchOptions } from "./options.ts";
import { writePerformancePage } from "./performance-page.ts";
import { memoryMib, requireProc } from "./process-cost.ts";
import { memoryTable, scenarioTable, verdictLines, type Memory } from "./report.ts";
import { judge, summarize, type Row, type Verdict } from "./summary.ts";
import { startBare, startMock, startScript, type Target, type Workplace } from "./target.ts";

interface Figures {
  readonly rows: readonly Row[];
  readonly memory: readonly Memory[];
  readonly verdicts: readonly Verdict[];
}

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
  const targets = await startTargets(place, cleanup, options);
  printHead(targets, options);
  const figures = await measureAll(targets, load, options);
  print(memoryTable(figures.memory) + verdictLines(figures.verdicts));
  print(`load average at the end ${loadAverage()}\n`);
  if (options.writesDocs) writePerformancePage(printed.join(""));
  if (options.jsonPath !== undefined) {
    writeFileSync(options.jsonPath, `${JSON.stringify(figures, null, 2)}\n`);
  }
}

// Without this a Ctrl-C would leave the servers and the folder behind.
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => reject(new BenchError("interrupted", `stopped by ${signal}`)));
    }
  });
}

async function startTargets(
  place: Workplace,
  cleanup: AsyncDisposableStack,
  { profileFolder }: BenchOptions,
): Promise<readonly Target[]> {
  const started: Target[] = [];
  const keep = (target: Target | undefined) => {
    if (!target) return;
    cleanup.defer(target.stop);
    started.push(target);
  };
  const mock = await startMock(place);
  keep(mock);
  keep(await startNginx(mock.url, place));
  keep(await startHaproxy(mock.url, place));
  keep(await startBare(mock.url, place));
  keep(await startGatewayTarget(mock.url, place, { profileFolder }));
  return started;
}

function printHead(targets: readonly Target[], { rounds, windowMs }: BenchOptions): void {
  const names = targets.map(({ id }) => id).join(", ");
  const hasNginx = targets.some(({ id }) => id === "nginx");
  const machine = `Bun ${Bun.version}, ${cpus().length} cores, ${cpus()[0]?.model.trim()}`;
  print(`${machine}; load average ${loadAverage()}\n`);
  print(`${rounds} rounds of ${windowMs} ms; ${names}\n`);
  if (!hasNginx) print("nginx is not on PATH: its ratios are left out\n");
}

// Of the last minute; about 0 before a run that can be trusted.
function loadAverage(): string {
  return (loadavg()[0] ?? Number.NaN).toFixed(1);
}

async function measureAll(
  targets: readonly Target[],
  load: Child,
  options: BenchOptions,
): Promise<Figures> {
  const idle = memoryOf(targets);
  const rows: Row[] = [];
  const verdicts: Verdict[] = [];
  for (const scenario of options.scenarios) {
    const measured = summarize(await measure(lanesOf(scenario, targets), load, options));
    print(scenarioTable(scenario, measured));
    rows.push(...measured);
    const verdict = judge(scenario, measured);
    if (verdict) verdicts.push(verdict);
  }
  const memory = memoryOf(targets).map(({ target, peak }, index) => ({
    target,
    idleMib: idle[index]?.now ?? Number.NaN,
    peakMib: peak,
  }));
  return { rows, memory, verdicts };
}

function memoryOf(targets: readonly Target[]) {
  return targets.flatMap(({ id, process: child }) =>
    child ? [{ target: id, ...memoryMib(child.pid) }] : [],
  );
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
