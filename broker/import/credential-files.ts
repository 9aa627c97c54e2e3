// Finds the JSON files below a path that somebody named, and reads them within bounds.
// Refuses to follow a symbolic link inside a folder: what it points at was not named.

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  opendirSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { join, relative } from "node:path";
import { readJson } from "#platform";
import { isJsonObject, type JsonObject } from "#wire";
import { BrokerError } from "../errors.ts";

/** Largest credential file, in bytes; far above any real one. */
export const MAX_FILE_BYTES = 256 * 1024;
/** How many folders below the named one are looked into. */
export const MAX_FOLDER_DEPTH = 4;
/** Most entries that are looked at below a folder; more means that the wrong one was named. */
export const MAX_ENTRIES = 2_000;

const MAX_JSON_DEPTH = 32;

/** A file with its JSON, or why it could not be read; `path` is relative to what was named. */
export type CredentialFile =
  | { readonly path: string; readonly json: JsonObject; readonly problem?: undefined }
  | { readonly path: string; readonly problem: string };

/** The path cannot be imported from at all. */
export class ImportPathError extends BrokerError {}

/**
 * Every `*.json` below a folder, in the order of their names, or the one file that was named.
 * Throws ImportPathError for a path that is neither, and for a folder with too much in it.
 */
export function credentialFiles(named: string): CredentialFile[] {
  const root = resolved(named);
  if (statSync(root).isFile()) return [readCredentialFile(root, named)];
  if (!statSync(root).isDirectory()) {
    throw new ImportPathError("import_path_unusable", `${named} is neither a file nor a folder`);
  }
  const counter = { entries: 0 };
  return filesBelow(root, { named, depth: 0, counter }).map(({ path, problem }) => {
    const shown = relative(root, path);
    return problem === undefined ? readCredentialFile(path, shown) : { path: shown, problem };
  });
}

function resolved(named: string): string {
  try {
    return realpathSync(named);
  } catch (cause) {
    throw new ImportPathError("import_path_unusable", `${named} cannot be opened${reason(cause)}`, {
      fix: "Name a file or a folder that you can read.",
      cause,
    });
  }
}

interface Walk {
  readonly named: string;
  readonly depth: number;
  readonly counter: { entries: number };
}

function filesBelow(folder: string, walk: Walk): { path: string; problem?: string }[] {
  const entries = entriesOf(folder, walk);
  if (entries === undefined) return [{ path: folder, problem: "is a folder you cannot read" }];
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const below = { ...walk, depth: walk.depth + 1 };
      return below.depth > MAX_FOLDER_DEPTH ? [] : filesBelow(path, below);
    }
    if (!entry.name.toLowerCase().endsWith(".json")) return [];
    if (entry.isFile()) return [{ path }];
    return [{ path, problem: entry.isSymbolicLink() ? "is a symbolic link" : "is no file" }];
  });
}

function entriesOf(folder: string, { named, counter }: Walk) {
  const entries = [];
  try {
    const directory = opendirSync(folder);
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        counter.entries += 1;
        if (counter.entries > MAX_ENTRIES) throw tooMany(named);
        entries.push(entry);
      }
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    if (error instanceof ImportPathError) throw error;
    return undefined;
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function tooMany(named: string): ImportPathError {
  return new ImportPathError(
    "import_folder_too_large",
    `${named} holds more than ${MAX_ENTRIES} entries`,
    { fix: "Name the folder with the credential files, or one file." },
  );
}

function readCredentialFile(file: string, path: string): CredentialFile {
  const bytes = readBounded(file);
  if (typeof bytes === "string") return { path, problem: bytes };
  try {
    const json = readJson(bytes, { maxDepth: MAX_JSON_DEPTH });
    return isJsonObject(json) ? { path, json } : { path, problem: NOT_A_CREDENTIAL_FILE };
  } catch {
    // The parser's own words may quote the file.
    return { path, problem: "is not JSON that can be read" };
  }
}

/** Said of JSON that no importer recognizes. */
export const NOT_A_CREDENTIAL_FILE = "is not a credential file I know";

/** The file's bytes, or why there are none. */
function readBounded(file: string): Uint8Array | string {
  let descriptor: number | undefined;
  try {
    // Not blocking: a pipe that took the file's place since must not hold us up.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return "is no file";
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    for (;;) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, null);
      length += read;
      if (read === 0 || length === bytes.length) break;
    }
    if (length > MAX_FILE_BYTES) return `is larger than ${MAX_FILE_BYTES / 1024} KiB`;
    return bytes.subarray(0, length);
  } catch (error) {
    return `cannot be read${reason(error)}`;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? ` (${code})` : "";
}
