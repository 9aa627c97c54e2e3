// The broker's side of the spool, `refresh/` in the home directory: what became of an attempt, whoever made it.
// Refuses to remove what may be the only copy of a token: files go after their answer is in the vault, or when
// they are old and belong to nothing.

import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { ensurePrivateDirectory } from "#platform";
import { parseJson } from "#wire";
import { z } from "zod";
import { ExchangeAnswer } from "./exchange-job.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { attemptKey, openAnswer } from "./spool-seal.ts";
import { SPOOL_FILES, type SpoolFile, spoolPath } from "./spool-files.ts";

/** Files that belong to no attempt are kept this long, in ms. */
export const STALE_SPOOL_MS = 7 * 86_400_000;

/** How far an attempt came: `nothing` when it was taken back or is settled. */
export type SpoolState = "nothing" | "ready" | "sent" | "answered";

const Identity = z.object({ place: z.string(), pid: z.int(), started: z.string() });

/** The spool of a home directory. */
export class Spool {
  readonly directory: string;
  readonly #key: Uint8Array;

  constructor(home: string, key: Uint8Array) {
    this.directory = join(home, "refresh");
    this.#key = key;
  }

  /** Lets a child that is given this attempt send its request. */
  prepare(attemptId: string): void {
    ensurePrivateDirectory(this.directory);
    closeSync(openSync(this.#path(attemptId, "ready"), "wx", 0o600));
  }

  /** Takes an attempt back; false when its child was first, and nothing can be said before it has ended. */
  withdraw(attemptId: string): boolean {
    return this.#unlink(attemptId, "ready");
  }

  stateOf(attemptId: string): SpoolState {
    // In this order: the child goes from `ready` to `sent` to `answer`, and may do so between two looks.
    if (existsSync(this.#path(attemptId, "ready"))) return "ready";
    if (existsSync(this.#path(attemptId, "answer"))) return "answered";
    return existsSync(this.#path(attemptId, "sent")) ? "sent" : "nothing";
  }

  /** Who sent the request; undefined when the note is unreadable. */
  senderOf(attemptId: string): ProcessIdentity | undefined {
    const text = this.#read(attemptId, "sent")?.toString("utf8");
    if (text === undefined) return undefined;
    try {
      return Identity.safeParse(parseJson(text)).data;
    } catch {
      return undefined;
    }
  }

  /** The answer; undefined when it is not there or not what the child stored. */
  answerOf(attemptId: string): ExchangeAnswer | undefined {
    const sealed = this.#read(attemptId, "answer");
    if (sealed === undefined) return undefined;
    try {
      const text = openAnswer(sealed, attemptKey(this.#key, attemptId), attemptId);
      return ExchangeAnswer.safeParse(parseJson(text)).data;
    } catch {
      return undefined;
    }
  }

  /** The key under which the child of an attempt seals its answer. */
  keyOf(attemptId: string): Uint8Array {
    return attemptKey(this.#key, attemptId);
  }

  /** Removes what an attempt left, once it is settled; what cannot be removed grows stale. */
  remove(attemptId: string): void {
    for (const file of SPOOL_FILES) {
      try {
        this.#unlink(attemptId, file);
      } catch {
        // The answer is in the vault: a file that stays is no reason to say that it is not.
      }
    }
  }

  /** Removes old files of attempts that nobody knows. */
  removeStale(isKnown: (attemptId: string) => boolean, nowMs: number): void {
    if (!existsSync(this.directory)) return;
    for (const name of readdirSync(this.directory)) {
      const attemptId = name.slice(0, name.lastIndexOf("."));
      const found = statSync(join(this.directory, name), { throwIfNoEntry: false });
      if (!found || isKnown(attemptId) || nowMs - found.mtimeMs < STALE_SPOOL_MS) continue;
      for (const file of SPOOL_FILES) if (name.endsWith(`.${file}`)) this.#unlink(attemptId, file);
    }
  }

  #path(attemptId: string, file: SpoolFile): string {
    return spoolPath(this.directory, attemptId, file);
  }

  #read(attemptId: string, file: SpoolFile): Buffer | undefined {
    try {
      return readFileSync(this.#path(attemptId, file));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  #unlink(attemptId: string, file: SpoolFile): boolean {
    try {
      unlinkSync(this.#path(attemptId, file));
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
