// Clients from npm, each in a folder of its own outside the repository, without running anybody's install script. A client
// that cannot be installed or started is told with npm's or its own words, and never counts as one that ran.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { environment } from "#platform";
import type { Client } from "./client.ts";
import { runProgram } from "./program.ts";

/** A download of some hundred megabytes on a slow line. */
const INSTALL_TIMEOUT_MS = 15 * 60_000;

/** The first start of a program of 200 MB on a busy machine. */
const VERSION_TIMEOUT_MS = 60_000;

/** Why a client cannot be run here. */
export class NotRunnable extends Error {
  readonly code = "not_runnable";
}

const Installed = z.object({ version: z.string() });

/** Installs `client` under `folder`, unless that version is there already; the start of its command line. Throws NotRunnable. */
export async function install(
  client: Client,
  folder: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const place = join(folder, client.id);
  const modules = join(place, "node_modules");
  if (installedVersion(client, modules) !== client.version) await download(client, place, signal);
  const argv = client.program(modules);
  const { PATH = "" } = environment();
  const env = { PATH, HOME: place };
  const { code, out, err } = await runProgram({
    argv: [...argv, "--version"],
    env,
    cwd: place,
    timeoutMs: VERSION_TIMEOUT_MS,
    signal,
  });
  if (code !== 0 || !(out + err).includes(client.version)) {
    throw new NotRunnable(`--version ended with ${code}: ${lastWords(err || out)}`);
  }
  return argv;
}

function installedVersion({ package: name }: Client, modules: string): string | undefined {
  try {
    const text = readFileSync(join(modules, name, "package.json"), "utf8");
    return Installed.parse(JSON.parse(text)).version;
  } catch {
    return undefined;
  }
}

async function download(
  { package: name, version }: Client,
  place: string,
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(place, { recursive: true });
  const manifest = { private: true, dependencies: { [name]: version } };
  writeFileSync(join(place, "package.json"), JSON.stringify(manifest));
  // npm needs the person's own settings to find its registry.
  const env = Object.fromEntries(
    Object.entries(environment()).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    ),
  );
  const { code, out, err } = await runProgram({
    argv: ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    env,
    cwd: place,
    timeoutMs: INSTALL_TIMEOUT_MS,
    signal,
  });
  if (code !== 0) throw new NotRunnable(`npm install ended with ${code}: ${lastWords(err || out)}`);
}

/** Characters of a program's output that are quoted. */
const QUOTED_CHARS = 600;

/** The end of what a program wrote. */
export function lastWords(text: string): string {
  return text.trim().slice(-QUOTED_CHARS) || "(nothing was said)";
}
