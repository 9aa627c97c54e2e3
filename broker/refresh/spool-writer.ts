// The child's side of the spool: keeps room for the answer, claims the attempt, stores the answer; each step
// durable before the next. Refuses to go on when the broker took the attempt back.

import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import type { ProcessIdentity } from "./process-identity.ts";
import { type SpoolFile, spoolPath, syncDirectory } from "./spool-files.ts";

/** Space kept for an answer before the request is sent, in bytes: a full disk must not cost the grant. */
export const ANSWER_ROOM_BYTES = 65_536;

/** The files of one attempt, written by its child. */
export class SpoolWriter {
  readonly #directory: string;
  readonly #attemptId: string;

  constructor(directory: string, attemptId: string) {
    this.#directory = directory;
    this.#attemptId = attemptId;
  }

  /** Throws when the disk has no room, before anything was sent. */
  reserve(): void {
    // Random: a file system that compresses would keep no room for zeros.
    this.#write("room", "wx", randomBytes(ANSWER_ROOM_BYTES));
  }

  /** True when this child, and nobody else ever, sends the request. */
  claim(identity: ProcessIdentity): boolean {
    try {
      this.#write("ready", "r+", Buffer.from(JSON.stringify(identity)));
      renameSync(this.#path("ready"), this.#path("sent"));
    } catch (error) {
      if (!isAbsent(error)) throw error;
      unlinkSync(this.#path("room"));
      return false;
    }
    syncDirectory(this.#directory);
    return true;
  }

  /** Stores the sealed answer under its final name, unless somebody removed the whole directory. */
  put(sealed: Uint8Array): void {
    try {
      this.#write("room", "r+", sealed);
    } catch (error) {
      if (!isAbsent(error)) throw error;
      if (!existsSync(this.#directory)) return;
      this.#write("room", "wx", sealed);
    }
    renameSync(this.#path("room"), this.#path("answer"));
    syncDirectory(this.#directory);
  }

  #path(file: SpoolFile): string {
    return spoolPath(this.#directory, this.#attemptId, file);
  }

  #write(file: SpoolFile, flags: string, content: Uint8Array): void {
    const descriptor = openSync(this.#path(file), flags, 0o600);
    try {
      if (flags === "wx") writeFileSync(descriptor, content);
      else writeOver(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

// In place, so that the room is used and not freed first.
function writeOver(descriptor: number, content: Uint8Array): void {
  let done = 0;
  while (done < content.length) {
    done += writeSync(descriptor, content, done, content.length - done, done);
  }
  ftruncateSync(descriptor, content.length);
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
