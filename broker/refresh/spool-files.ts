// Names of an attempt's files and the one rule between them: `ready` is there until the child that sends the
// request renames it to `sent`, or the broker takes it away. Whoever is first decides, in one system call, so no
// clock has a say in whether a token was used. The exchange child loads this too.

import { closeSync, fsyncSync, openSync } from "node:fs";
import { join } from "node:path";

/** `ready`: not sent yet. `sent`: by whom. `room`: space kept for the answer. `answer`: sealed. */
export type SpoolFile = "ready" | "sent" | "room" | "answer";

/** Every kind of file that an attempt may leave. */
export const SPOOL_FILES: readonly SpoolFile[] = ["ready", "sent", "room", "answer"];

/** Where a file of an attempt is. */
export function spoolPath(directory: string, attemptId: string, file: SpoolFile): string {
  return join(directory, `${attemptId}.${file}`);
}

/** Makes the names in a directory survive a power failure. */
export function syncDirectory(directory: string): void {
  // Windows cannot open one.
  if (process.platform === "win32") return;
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
