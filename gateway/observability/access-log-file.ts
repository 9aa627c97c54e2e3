// The file of the access log: where it is, what is in it, how it is read. Refuses to create one where nobody writes.

import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type Database,
  type Environment,
  homeDirectory,
  type Migration,
  openDatabase,
} from "#platform";
import { AccessRecord } from "./access-record.ts";

/** Longest time a finished request waits to be written, in ms, where the disk keeps up. */
export const FLUSH_DELAY_MS = 250;

const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    // Many requests in a row, one line of JSON each: a row of its own costs a request more than all its metrics, and
    // reading every line takes a person's command a second at the most.
    sql: `CREATE TABLE batch (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      written_at_ms INTEGER NOT NULL,
      requests INTEGER NOT NULL,
      lines TEXT NOT NULL
    ) STRICT`,
  },
];

/** Where a home keeps its access log. */
export function accessLogPath(env: Environment): string {
  return join(homeDirectory(env), "gateway-access.db");
}

/** Opens (or creates, 0600) the file; the last second may be lost with the power. Throws DatabaseError. */
export function openAccessLogFile(path: string): Database {
  return openDatabase(path, { migrations: MIGRATIONS, synchronous: "NORMAL", isChecked: false });
}

/** Finished requests, newest first. */
export interface AccessLogReader {
  /** How long ago a request must have ended to be in it, in ms. */
  readonly delayMs: number;
  /** By our id, or the newest that its caller gave this id. */
  find(id: string): AccessRecord | undefined;
  list(limit: number): readonly AccessRecord[];
  close(): void;
}

/** Opens the access log of a home; undefined when there is none. Throws DatabaseError. */
export function readAccessLog(env: Environment): AccessLogReader | undefined {
  const path = accessLogPath(env);
  if (!existsSync(path)) return undefined;
  const database = openAccessLogFile(path);
  const batches = database.prepare<[], { lines: string }>(
    "SELECT lines FROM batch ORDER BY seq DESC",
  );
  const newestFirst = function* (isWanted: (line: string) => boolean) {
    for (const { lines } of batches.iterate()) {
      for (const line of lines.split("\n").toReversed()) {
        if (isWanted(line)) yield AccessRecord.parse(JSON.parse(line));
      }
    }
  };
  return {
    delayMs: FLUSH_DELAY_MS,
    find: (id) => {
      const shown = JSON.stringify(id);
      for (const record of newestFirst((line) => line.includes(shown))) {
        if (record.requestId === id || record.clientRequestId === id) return record;
      }
      return undefined;
    },
    list: (limit) => [...newestFirst(() => true).take(limit)],
    close: () => void database.close(),
  };
}
