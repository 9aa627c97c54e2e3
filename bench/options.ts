// The command line of the bench. Refuses what it does not know, with the list of what there is.

import { dirname, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { BenchError } from "./bench-error.ts";
import { parts } from "./parts/index.ts";
import type { Part } from "./parts/part.ts";

/** Rounds of a default run; three are the fewest that have a middle. */
export const DEFAULT_ROUNDS = 3;

/** Milliseconds one lane runs in one round; CPU is counted in steps of 10 ms, so less says little. */
export const DEFAULT_WINDOW_MS = 400;

/** What was asked for. */
export interface BenchOptions {
  readonly rounds: number;
  readonly windowMs: number;
  readonly parts: readonly Part[];
  /** Where the peers are, or will be installed; without it they are left out. */
  readonly peersFolder?: string;
  /** Workers of a second gateway beside the one with its defaults; without it there is none. */
  readonly workers?: number;
  readonly jsonPath?: string;
  readonly profileFolder?: string;
  /** Writes what is printed to docs/performance.md as well. */
  readonly writesDocs: boolean;
  readonly isHelp: boolean;
}

/** The answer to --help. */
export const HELP = `Usage: npm run bench -- [options]

Measures the gateway beside nginx and HAProxy (where installed) and a bare Bun pass-through, in one run.
About ten minutes; with peers, twenty-five.

  --scenario <id>    run only this one; may be repeated:
${listed(parts)}
  --peers <dir>      measure other gateways too, installed into this folder from npm (1.5 GB, not inside the
                     repository) and kept there for the next run
  --workers <n>      measure a gateway of <n> workers too, beside the one of one process
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
  const { json, profile, workers } = values;
  return {
    rounds: positive("--rounds", values.rounds, DEFAULT_ROUNDS),
    windowMs: positive("--window-ms", values["window-ms"], DEFAULT_WINDOW_MS),
    parts: chosen(values.scenario),
    ...(values.peers !== undefined && { peersFolder: outside(values.peers) }),
    ...(workers !== undefined && { workers: several("--workers", workers) }),
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
        peers: { type: "string" },
        workers: { type: "string" },
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

function several(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 1 && value <= 64) return value;
  throw new BenchError(
    "bad_option",
    `${name}: expected a whole number from 2 to 64, not "${text}"`,
  );
}

function chosen(ids: readonly string[] | undefined): readonly Part[] {
  if (ids === undefined) return parts;
  return ids.map((id) => {
    const found = parts.find((part) => part.id === id);
    if (found) return found;
    const known = parts.map((part) => part.id).join(", ");
    throw new BenchError("bad_option", `--scenario: there is no "${id}"; there are ${known}`);
  });
}

// Hundreds of foreign packages would be found by every tool that walks the repository.
function outside(folder: string): string {
  const path = resolve(folder);
  const repository = dirname(import.meta.dir);
  if (!relative(repository, path).startsWith("..")) {
    throw new BenchError("bad_option", `--peers: choose a folder outside ${repository}`);
  }
  return path;
}

function listed(all: readonly Part[]): string {
  const width = Math.max(...all.map(({ id }) => id.length));
  return all
    .map(({ id, title }) => `                       ${id.padEnd(width)}  ${title}`)
    .join("\n");
}
