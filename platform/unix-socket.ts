// Where a server listens for its own machine: a socket file that only its owner may connect to. Refuses
// to take a path from a process that still answers there, and to delete anything that is not a dead socket.

import { randomBytes } from "node:crypto";
import { chmodSync, linkSync, lstatSync, type Stats, unlinkSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ListenError } from "./listen-error.ts";
import { ensurePrivateDirectory } from "./private-file.ts";

/** Longest absolute path of a socket, in bytes: the size of `sun_path` without its closing zero. */
export const MAX_SOCKET_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/** The only Host a client may send over a Unix socket; there is no other name to be called by. */
export const UNIX_SOCKET_HOST = "localhost";

const TEMPORARY_NAME_BYTES = 8;

/** A path that was free when it was looked at; what serveHttp takes. Made by claimUnixSocket only. */
export class UnixSocketClaim {
  /** Absolute. */
  readonly path: string;
  #inode: number | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  /** See claimUnixSocket. */
  static async at(text: string): Promise<UnixSocketClaim> {
    const path = checkedPath(text);
    ensurePrivateDirectory(dirname(path));
    const found = lookAt(path);
    if (found !== undefined) await removeDeadSocket(path, found);
    return new UnixSocketClaim(path);
  }

  /**
   * Calls `listen` with the path to bind, and returns its result. Throws ListenError `socket_in_use`
   * when another process was faster.
   */
  bind<T extends { stop(closeActiveConnections: true): unknown }>(listen: (path: string) => T): T {
    // Bound elsewhere and linked: the file appears with its mode, never replaces another's, and the
    // runtime, which deletes on stop whatever stands at the path it bound, finds nothing there.
    const temporary = join(dirname(this.path), temporaryName());
    const server = listen(temporary);
    try {
      chmodSync(temporary, 0o600);
      linkSync(temporary, this.path);
      this.#inode = lstatSync(temporary).ino;
      unlinkSync(temporary);
      return server;
    } catch (error) {
      server.stop(true);
      if (isCode(error, "EEXIST")) throw inUse(this.path, error);
      throw failed(this.path, error);
    }
  }

  /** Removes the file, unless another process has put its own there. */
  release(): void {
    if (this.#inode === undefined) return;
    const found = lstatSync(this.path, { throwIfNoEntry: false });
    if (found?.ino === this.#inode) unlinkQuietly(this.path);
    this.#inode = undefined;
  }
}

/**
 * Makes sure that a server may listen at `path`: its directory is private (0700), and nothing is there
 * but a socket whose process has died, which is removed. Throws ListenError or PrivateFileError.
 */
export function claimUnixSocket(path: string): Promise<UnixSocketClaim> {
  return UnixSocketClaim.at(path);
}

function checkedPath(text: string): string {
  if (text === "" || text.includes("\0")) {
    const shown = JSON.stringify(text.slice(0, 100));
    throw new ListenError("socket_path_invalid", shown, "it is not a file path.");
  }
  const path = resolve(text);
  const longestName = Math.max(Buffer.byteLength(basename(path)), TEMPORARY_NAME_BYTES);
  const bytes = Buffer.byteLength(join(dirname(path), "/")) + longestName;
  if (bytes <= MAX_SOCKET_PATH_BYTES) return path;
  throw new ListenError(
    "socket_path_invalid",
    path,
    `the path takes ${bytes} bytes and a socket's may take ${MAX_SOCKET_PATH_BYTES}. Use a shorter one.`,
  );
}

function lookAt(path: string): Stats | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSocket()) return found;
  const problem =
    "something that is not a socket is there, and it is left alone. Use another path.";
  throw new ListenError("not_a_socket", path, problem);
}

async function removeDeadSocket(path: string, found: Stats): Promise<void> {
  const answer = await knock(path);
  if (answer === "served") throw inUse(path);
  // Not the one that was asked: another process has begun to listen meanwhile.
  const now = lstatSync(path, { throwIfNoEntry: false });
  if (now === undefined) return;
  if (now.ino !== found.ino || now.ctimeMs !== found.ctimeMs) throw inUse(path);
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw failed(path, error);
  }
}

/** Whether a process listens there. What cannot be told counts as one: a live socket is never taken. */
async function knock(path: string): Promise<"served" | "dead"> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
    return "served";
  } catch (error) {
    return isCode(error, "ECONNREFUSED") || isCode(error, "ENOENT") ? "dead" : "served";
  }
}

function inUse(path: string, cause?: unknown): ListenError {
  const problem = "another process serves there already. Stop it, or choose another path.";
  return new ListenError("socket_in_use", path, problem, { cause });
}

function failed(path: string, cause: unknown): ListenError {
  const reason = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  const problem = `the socket file cannot be put in place${reason}.`;
  return new ListenError("address_unavailable", path, problem, { cause });
}

function temporaryName(): string {
  return `.${randomBytes(TEMPORARY_NAME_BYTES).toString("hex").slice(1, TEMPORARY_NAME_BYTES)}`;
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody tidied up before us.
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
