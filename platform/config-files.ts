// Which configuration files take part, and reading one with bounds. Refuses what is not a regular
// file of text: a checkout may plant a device, a FIFO or a gigabyte.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { ConfigProblem } from "./config-error.ts";
import type { Environment } from "./env.ts";
import { CONFIG_FILE, defaultHomeDirectory, DOT_DIRECTORY, homeConfigFile } from "./paths.ts";

/** Largest configuration file of the operator, in bytes. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * Largest project file, in bytes: it comes from strangers, and hostile YAML costs seconds per
 * megabyte.
 */
export const MAX_PROJECT_CONFIG_BYTES = 64 * 1024;

/** A file that takes part, whether or not it exists; later ones win. */
export interface ConfigFile {
  readonly path: string;
  readonly layer: "home" | "project" | "file";
  readonly exists: boolean;
}

/** The configuration files in precedence, lowest first; the project's only when one is found. */
export function configFiles(options: {
  env: Environment;
  cwd: string;
  file?: string | undefined;
}): readonly ConfigFile[] {
  const { env, cwd, file } = options;
  const home = homeConfigFile(env);
  const project = findProjectFile(cwd, [home, join(defaultHomeDirectory(env), CONFIG_FILE)]);
  const chosen = file === undefined ? undefined : resolve(cwd, file);
  return [
    { path: home, layer: "home", exists: existsSync(home) },
    ...(project === undefined ? [] : [{ path: project, layer: "project", exists: true } as const]),
    ...(chosen === undefined
      ? []
      : [{ path: chosen, layer: "file", exists: existsSync(chosen) } as const]),
  ];
}

/**
 * The text of a configuration file, or why it cannot be had: not a regular file (a device or FIFO
 * would hang), too large, not UTF-8.
 */
export function readConfigText(
  path: string,
  { maxBytes }: { maxBytes: number },
): string | ConfigProblem {
  try {
    const bytes = readRegularFile(path, maxBytes);
    if (typeof bytes === "string") return { where: path, message: bytes };
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return { where: path, message: "is not UTF-8 text" };
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    return { where: path, message: `cannot be read${reason}` };
  }
}

function readRegularFile(path: string, maxBytes: number): Uint8Array | string {
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) return "is not a regular file";
    if (found.size > maxBytes) return `is larger than ${maxBytes} bytes`;
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The nearest project file from `cwd` upwards that is not one of the operator's own. */
function findProjectFile(cwd: string, own: readonly string[]): string | undefined {
  const ours = new Set(own.map(realPath));
  let directory = resolve(cwd);
  for (;;) {
    const candidate = join(directory, DOT_DIRECTORY, CONFIG_FILE);
    if (existsSync(candidate) && !ours.has(realPath(candidate))) return candidate;
    const parent = dirname(directory);
    if (parent === directory) return undefined;
    directory = parent;
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
