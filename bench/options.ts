// The command line of the bench. Refuses what it does not know, with the list of what there is.

import { parseArgs } from "node:util";
import { BenchError } from "./bench-error.ts";
import { scenarios, type Scenario } from "./scenarios.ts";

/** Rounds of a default run; three are the fewest that have a middle. */
export const DEFAULT_ROUNDS = 3;

/** Milliseconds one lane runs in one round; CPU is counted in steps of 10 ms, so less says little. */
export const DEFAULT_WINDOW_MS = 400;

/** What was asked for. */
export interface BenchOptions {
  readonly rounds: number;
  readonly windowMs: number;
  readonly scenarios: readonly Scenario[];
  readonly jsonPath?: string;
  readonly profileFolder?: string;
  /** Writes what is printed to docs/performance.md as well. */
  readonly writesDocs: boolean;
  readonly isHelp: boolean;
}

/** The answer to --help. */
export const HELP = `Usage: npm run bench -- [options]

Measures the gateway beside nginx and HAProxy (where installed) and a bare Bun pass-through, in one run.
About three minutes.

  --scenario <id>    run only this one; may be repeated (${scenarios.map(({ id }) => id).join(", ")})
  --rounds <n>       rounds per lane, medians are taken over them (default ${DEFAULT_ROUNDS})
  --window-ms <n>    milliseconds per lane and round (default ${DEFAULT_WINDOW_MS})
  --json <file>      write every figure to a file
  --write-docs       write the tables to docs/performance.md too, with date and commit
  --profile <dir>    write a CPU profile of the gateway there (its figures then include the profiler)
  --help             print this

bench/README.md says how to read the figures.
`;

/** Parses the arguments after the script. Throws BenchError (`bad_option`). */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parse(args);
  const { json, profile } = values;
  return {
    rounds: positive("--rounds", values.rounds, DEFAULT_ROUNDS),
    windowMs: positive("--window-ms", values["window-ms"], DEFAULT_WINDOW_MS),
    scenarios: chosen(values.scenario),
    ...(json !== undefined && { jsonPath: json }),
    ...(profile !== undefined && { profileFolder: profile }),
    writesDocs: values["write-docs"] === true,
    isHelp: values.help === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: "string" },
        "window-ms": { type: "string" },
        scenario: { type: "string", multiple: true },
        json: { type: "string" },
        profile: { type: "string" },
        "write-docs": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new BenchError("bad_option", message, { cause });
  }
}

function positive(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new BenchError("bad_option", `${name}: expected a whole number above 0, not "${text}"`);
}

function chosen(ids: readonly string[] | undefined): readonly Scenario[] {
  if (ids === undefined) return scenarios;
  return ids.map((id) => {
    const found = scenarios.find((scenario) => scenario.id === id);
    if (found) return found;
    const known = scenarios.map((scenario) => scenario.id).join(", ");
    throw new BenchError("bad_option", `--scenario: there is no "${id}"; there are ${known}`);
  });
}
