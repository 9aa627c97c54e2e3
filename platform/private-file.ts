// Files that only their owner may read: directories 0700, files 0600, replaced whole or not at all.
// Refuses symbolic links, other people's files and files that others can read: whoever can swap or
// read a token file owns the token. On Windows, which has no such modes, only the atomicity holds.

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** Largest private file that is read back, in bytes. */
export const MAX_PRIVATE_FILE_BYTES = 16 * 1024 * 1024;

const OTHERS = 0o077;
const STICKY = 0o1000;

/** Why a private file or directory was refused; `io_failed` keeps the system error as its cause. */
export type PrivateFileErrorCode =
  | "insecure_permissions"
  | "symbolic_link"
  | "wrong_owner"
  | "wrong_kind"
  | "too_large"
  | "already_exists"
  | "io_failed";

/**
 * A private file that cannot be trusted, read or written; the message names the path and the fix.
 */
export class PrivateFileError extends Error {
  readonly code: PrivateFileErrorCode;
  readonly path: string;

  constructor(
    code: PrivateFileErrorCode,
    path: string,
    problem: string,
    { cause }: { cause?: unknown } = {},
  ) {
    super(`${path}: ${problem}`, { cause });
    this.name = "PrivateFileError";
    this.code = code;
    this.path = path;
  }
}

/**
 * Makes sure a directory exists, is ours and is closed to others (0700), tightening an existing
 * one. Throws PrivateFileError for a symbolic link, another owner, or a shared directory such as
 * /tmp.
 */
export function ensurePrivateDirectory(path: string): void {
  const directory = resolve(path);
  const found = io(directory, "cannot be created", () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return lstatSync(directory);
  });
  refuseForeign(directory, found);
  if (!found.isDirectory()) throw new PrivateFileError("wrong_kind", directory, "not a directory");
  if ((found.mode & OTHERS) === 0 || !hasModes()) return;
  // Closing a directory that others share would break them; it is also no place for secrets.
  if ((found.mode & STICKY) !== 0) {
    throw new PrivateFileError(
      "insecure_permissions",
      directory,
      "is shared with other users; use a directory of its own inside it",
    );
  }
  io(directory, "cannot be closed to other users", () => chmodSync(directory, 0o700));
}

/**
 * Replaces a file whole: a crash at any moment leaves the old content or the new, both 0600.
 * Creates the directory when needed. Throws PrivateFileError, also when the path is a symbolic
 * link.
 */
export function writePrivateFile(path: string, content: string | Uint8Array): void {
  ensurePrivateDirectory(dirname(resolve(path)));
  const existing = io(path, "cannot be inspected", () =>
    lstatSync(path, { throwIfNoEntry: false }),
  );
  if (existing !== undefined) refuseForeign(path, existing);
  withTemporary(path, content, (temporary) => renameSync(temporary, path));
}

/**
 * Writes a new file, 0600 and durable, into any directory; leaves the directory as it is. Throws
 * PrivateFileError `already_exists` when the name is taken, and then keeps what is there.
 */
export function createPrivateFile(path: string, content: string | Uint8Array): void {
  const directory = dirname(resolve(path));
  const temporary = join(directory, `.${basename(path)}.${crypto.randomUUID()}.tmp`);
  io(path, "cannot be written", () => {
    try {
      writeDurably(temporary, content);
      linkSync(temporary, path);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      throw new PrivateFileError("already_exists", path, "is there already; choose another name");
    } finally {
      removeQuietly(temporary);
    }
    syncDirectory(directory);
  });
}

/**
 * The bytes of a private file, or undefined when there is none. Throws PrivateFileError for a
 * symbolic link, another owner, a file others can read, or one larger than MAX_PRIVATE_FILE_BYTES.
 */
export function readPrivateFile(path: string): Uint8Array | undefined {
  const descriptor = openForReading(path);
  if (descriptor === undefined) return undefined;
  try {
    const found = fstatSync(descriptor);
    refuseUnsafe(path, found);
    return io(path, "cannot be read", () => readFileSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The bytes of a private file, made by `create` when there is none. Of several processes that start
 * at once exactly one creates it and all return the same bytes.
 */
export function readOrCreatePrivateFile(
  path: string,
  create: () => string | Uint8Array,
): Uint8Array {
  const existing = readPrivateFile(path);
  if (existing !== undefined) return existing;
  ensurePrivateDirectory(dirname(resolve(path)));
  withTemporary(path, create(), (temporary) => {
    linkUnlessTaken(temporary, path);
    unlinkSync(temporary);
  });
  const settled = readPrivateFile(path);
  if (settled === undefined) {
    throw new PrivateFileError("io_failed", path, "was removed while it was being created");
  }
  return settled;
}

// A hard link appears with its whole content and fails when the name is taken: O_EXCL without a
// moment in which a second process could read half a key.
function linkUnlessTaken(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

function withTemporary(
  path: string,
  content: string | Uint8Array,
  place: (temporary: string) => void,
): void {
  const directory = dirname(resolve(path));
  const temporary = join(directory, `.${basename(path)}.${crypto.randomUUID()}.tmp`);
  io(path, "cannot be written", () => {
    try {
      writeDurably(temporary, content);
      place(temporary);
    } catch (error) {
      removeQuietly(temporary);
      throw error;
    }
    syncDirectory(directory);
  });
}

function writeDurably(path: string, content: string | Uint8Array): void {
  const descriptor = openSync(path, "wx", 0o600);
  try {
    // A umask may have taken the owner's own bits.
    fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Never created, or already placed: the error that led here is the one worth telling.
  }
}

function syncDirectory(directory: string): void {
  // Windows cannot open a directory; elsewhere a rename is durable only once its directory is.
  if (!hasModes()) return;
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function openForReading(path: string): number | undefined {
  try {
    // O_NONBLOCK: a FIFO planted at the path must not hang us.
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw symbolicLink(path, error);
    throw failed(path, "cannot be opened", error);
  }
}

function refuseUnsafe(path: string, found: Stats): void {
  if (!found.isFile()) throw new PrivateFileError("wrong_kind", path, "not a regular file");
  refuseForeign(path, found);
  if (hasModes() && (found.mode & OTHERS) !== 0) {
    throw new PrivateFileError(
      "insecure_permissions",
      path,
      `other users can read it; run: chmod 600 ${shellQuote(path)}`,
    );
  }
  if (found.size > MAX_PRIVATE_FILE_BYTES) {
    throw new PrivateFileError("too_large", path, `larger than ${MAX_PRIVATE_FILE_BYTES} bytes`);
  }
}

function refuseForeign(path: string, found: Stats): void {
  if (found.isSymbolicLink()) throw symbolicLink(path);
  const user = process.geteuid?.();
  if (user === undefined || found.uid === user) return;
  throw new PrivateFileError(
    "wrong_owner",
    path,
    `belongs to user ${found.uid}, this process runs as ${user}; use a path of your own`,
  );
}

function symbolicLink(path: string, cause?: unknown): PrivateFileError {
  return new PrivateFileError(
    "symbolic_link",
    path,
    "is a symbolic link, which could be pointed elsewhere; use the path it leads to",
    { cause },
  );
}

function io<T>(path: string, problem: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof PrivateFileError ? error : failed(path, problem, error);
  }
}

function failed(path: string, problem: string, cause: unknown): PrivateFileError {
  const code = errorCode(cause);
  return new PrivateFileError("io_failed", path, code ? `${problem} (${code})` : problem, {
    cause,
  });
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

function hasModes(): boolean {
  return process.platform !== "win32";
}

function shellQuote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
