// Collects lines and writes them together, because a system call per line costs a busy server more than the
// line. Refuses to hold anything for long, or past the end of the process.

import { writeSync } from "node:fs";

/** Lines wait this long at most. */
export const MAX_WAIT_MS = 50;
/** More text than this does not wait. */
export const MAX_HELD_CHARS = 16 * 1024;
/** How long the last lines may take to be written. */
export const MAX_LAST_WORDS_MS = 1_000;

/** A writer of lines that passes them on in batches; what is held at exit is written then, by `writeLast`. */
export function bufferLines(
  write: (text: string) => void,
  { writeLast = write }: { writeLast?: (text: string) => void } = {},
): (line: string) => void {
  let held = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const take = () => {
    clearTimeout(timer);
    timer = undefined;
    const text = held;
    held = "";
    return text;
  };
  const flush = () => {
    const text = take();
    if (text !== "") write(text);
  };
  process.on("exit", () => {
    const text = take();
    if (text !== "") writeLast(text);
  });
  return (line) => {
    held += line;
    if (held.length > MAX_HELD_CHARS) return flush();
    timer ??= setTimeout(flush, MAX_WAIT_MS);
  };
}

/** Writes to standard error before it returns, for the last words of a process. Gives up on a reader that stalls. */
export function writeStderrSync(text: string): void {
  const deadlineMs = performance.now() + MAX_LAST_WORDS_MS;
  for (let rest = Buffer.from(text); rest.length > 0 && performance.now() < deadlineMs;) {
    try {
      rest = rest.subarray(writeSync(2, rest));
    } catch (error) {
      // A pipe that is full for now says EAGAIN; one that is closed has nobody behind it.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return;
    }
  }
}
