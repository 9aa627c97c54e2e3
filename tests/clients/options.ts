// The command line of `npm run test:clients`. Refuses what it does not know, with the list of what there is.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { FormatId } from "#wire";
import type { Client } from "./client.ts";
import { clients } from "./clients.ts";

/** Dialects that the simulator answers in. */
export const UPSTREAMS = [
  "chat",
  "responses",
  "messages",
  "generate",
] as const satisfies FormatId[];

/** A dialect of the simulator. */
export type Upstream = (typeof UPSTREAMS)[number];

/** What was asked for. */
export interface Options {
  readonly clients: readonly Client[];
  readonly upstreams: readonly Upstream[];
  /** Where clients are installed and stay; absent: a temporary folder. */
  readonly folder?: string;
  readonly isHelp: boolean;
}

/** An argument that cannot be followed. */
export class OptionError extends Error {
  readonly code = "bad_option";
}

const ids = clients.map(({ id }) => id);

/** The answer to --help. */
export const HELP = `Usage: npm run test:clients -- [options]

Installs real clients from npm, outside this repository, and has each do the simulator's task of three tool calls
through a gateway, for every dialect of upstream. No account, no live host. Downloads 0.4 GB, needs 1.3 GB for a while.

  --client <id>      only this one; may be repeated (${ids.join(", ")})
  --upstream <id>    only this dialect; may be repeated (${UPSTREAMS.join(", ")})
  --folder <dir>     install there and keep it for the next run (default: a temporary folder)
  --help             print this

Exits with 0 when every client did every task, 1 when one did not or could not be run, 2 for a wrong option.
docs/conformance.md says what was found.
`;

/** Parses the arguments after the script. Throws OptionError. `root` is the repository, which stays as it is. */
export function parseOptions(args: readonly string[], root: string): Options {
  const { client, upstream, folder, help } = parse(args);
  return {
    clients: choose("--client", client, clients, (each) => each.id),
    upstreams: choose("--upstream", upstream, UPSTREAMS, (each) => each),
    ...(folder !== undefined && { folder: outside(root, folder) }),
    isHelp: help === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        client: { type: "string", multiple: true },
        upstream: { type: "string", multiple: true },
        folder: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (cause) {
    throw new OptionError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function choose<T>(
  option: string,
  asked: readonly string[] | undefined,
  all: readonly T[],
  idOf: (each: T) => string,
): readonly T[] {
  const unknown = asked?.find((id) => !all.some((each) => idOf(each) === id));
  if (unknown !== undefined) {
    const known = all.map(idOf).join(", ");
    throw new OptionError(`${option}: there is no "${unknown}"; there are ${known}`);
  }
  return all.filter((each) => asked === undefined || asked.includes(idOf(each)));
}

function outside(root: string, folder: string): string {
  const path = resolve(folder);
  if (path !== root && !path.startsWith(`${root}/`)) return path;
  throw new OptionError(
    `--folder: ${path} is inside the repository, which nothing is installed in`,
  );
}
