// Keeps the last finished requests on disk, so that somebody can ask later why one went as it did. Written in batches,
// after the callers have their answers; a disk that fails costs records, never requests.

import { type Database, knownSecretCount, type Logger, redact, writeDatabase } from "#platform";
import type { Settlement } from "../pipeline/settlement.ts";
import { FLUSH_DELAY_MS, openAccessLogFile } from "./access-log-file.ts";
import { accessRecord } from "./access-record.ts";

/** Requests that are kept; older ones are deleted. */
export const MAX_ACCESS_REQUESTS = 100_000;
/** How long a request is kept. */
export const ACCESS_RETENTION_MS = 7 * 24 * 60 * 60_000;
/** Requests written at once: well under a millisecond. */
export const MAX_BATCH = 100;
/** Requests that may wait; beyond them new ones are not kept. */
export const MAX_WAITING = 10_000;
/** Old requests are looked for after so many new ones. */
const PRUNE_EVERY = 1_000;

/** What an access log is opened with. */
export interface AccessLogOptions {
  readonly path: string;
  readonly log: Logger;
  readonly nowMs?: () => number;
  readonly maxRequests?: number;
}

/** Opens the access log; undefined, with a warning, when the file cannot be used. */
export function openAccessLog(options: AccessLogOptions): AccessLog | undefined {
  try {
    return new AccessLog(openAccessLogFile(options.path), options);
  } catch (error) {
    options.log.warn("no access log is kept: its file cannot be used", { error });
    return undefined;
  }
}

/** An open access log. */
export class AccessLog {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #maxRequests: number;
  readonly #insert;
  readonly #waiting: (Settlement | string)[] = [];
  #timer: Timer | undefined;
  #isSoon = false;
  #sincePrune = PRUNE_EVERY;
  #isFailing = false;
  #isStopped = false;

  constructor(
    database: Database,
    { log, nowMs = Date.now, maxRequests = MAX_ACCESS_REQUESTS }: Options,
  ) {
    this.#database = database;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#maxRequests = maxRequests;
    this.#insert = database.prepare<[number, number, string]>(
      "INSERT INTO batch (written_at_ms, requests, lines) VALUES (?, ?, ?)",
    );
  }

  /** Takes a finished request, or the line that another process has made of one; it is written a moment later. */
  readonly record = (settlement: Settlement | string): void => {
    if (this.#isStopped || this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(settlement);
    if (this.#waiting.length >= MAX_BATCH) this.#writeSoon();
    else this.#timer ??= setTimeout(() => this.#writeBatch(), FLUSH_DELAY_MS);
  };

  /** Writes what waits, and closes the file. */
  stop(): void {
    this.#isStopped = true;
    while (this.#waiting.length > 0) this.#writeBatch();
    clearTimeout(this.#timer);
    this.#database.close();
  }

  #writeSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    setImmediate(() => {
      this.#isSoon = false;
      if (this.#waiting.length > 0) this.#writeBatch();
    });
  }

  #writeBatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting.splice(0, MAX_BATCH);
    try {
      writeDatabase(this.#database, () => {
        const lines = batch
          .map((one) => (typeof one === "string" ? one : accessLine(one)))
          .join("\n");
        this.#insert.run(Math.floor(this.#nowMs()), batch.length, lines);
        this.#prune(batch.length);
      });
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#log.warn("the access log cannot be written", { error });
      this.#isFailing = true;
    }
    // One batch at a time, so that a burst never holds the thread for long.
    if (this.#waiting.length > 0) this.#writeSoon();
  }

  #prune(added: number): void {
    this.#sincePrune += added;
    if (this.#sincePrune < PRUNE_EVERY) return;
    this.#sincePrune = 0;
    this.#database
      .prepare<[number, number]>(
        `DELETE FROM batch WHERE written_at_ms < ? OR seq IN (
           SELECT seq FROM (
             SELECT seq, sum(requests) OVER (ORDER BY seq DESC) - requests AS newer FROM batch
           ) WHERE newer >= ?
         )`,
      )
      .run(this.#nowMs() - ACCESS_RETENTION_MS, this.#maxRequests);
  }
}

/** One line of JSON. What somebody else wrote is looked at; all the rest are words of ours. */
export function accessLine(settlement: Settlement): string {
  const { asked, clientRequestId = "", trail, attempts } = settlement;
  const isClean =
    holdsNoSecret(asked) &&
    holdsNoSecret(clientRequestId) &&
    trail.every(holdsNoSecret) &&
    attempts.every(({ upstreamRequestId = "" }) => redact(upstreamRequestId) === upstreamRequestId);
  const line = JSON.stringify(accessRecord(settlement));
  return isClean ? line : redact(line);
}

/** Models and decisions repeat from request to request: each is looked at once. */
const MAX_REMEMBERED_TEXTS = 1_000;
const MAX_REMEMBERED_CHARS = 300;
const clean = new Set<string>();
let cleanSecretCount = 0;

function holdsNoSecret(text: string): boolean {
  if (cleanSecretCount !== knownSecretCount() || clean.size > MAX_REMEMBERED_TEXTS) {
    clean.clear();
    cleanSecretCount = knownSecretCount();
  }
  if (clean.has(text)) return true;
  const isClean = redact(text) === text;
  if (isClean && text.length <= MAX_REMEMBERED_CHARS) clean.add(text);
  return isClean;
}

type Options = Omit<AccessLogOptions, "path">;
