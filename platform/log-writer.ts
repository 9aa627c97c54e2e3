// Where log lines go: standard error, the lines of one turn of the event loop in one write. Refuses to lose any: what
// waits goes out before the process ends, and an error's line takes all before it along at once.

import { SonicBoom } from "sonic-boom";

/** Takes whole lines, each with its newline. */
export interface LineWriter {
  /** Writes a line soon; `isUrgent` at once, behind those that wait. */
  write(line: string, options?: { isUrgent?: boolean }): void;
}

/** A destination that writes before it returns. */
export interface SyncDestination {
  write(text: string): unknown;
}

/** Gathers lines for `destination`; the rest of the options exist for tests. */
export function gatherLines(
  destination: SyncDestination,
  {
    atTurnEnd = (flush) => void setImmediate(flush),
    atExit = (flush) => void process.once("exit", flush),
  }: {
    atTurnEnd?: (flush: () => void) => void;
    atExit?: (flush: () => void) => void;
  } = {},
): LineWriter {
  let waiting = "";
  const flush = () => {
    const lines = waiting;
    waiting = "";
    if (lines !== "") destination.write(lines);
  };
  atExit(flush);
  return {
    write: (line, { isUrgent = false } = {}) => {
      if (isUrgent) {
        waiting += line;
        flush();
        return;
      }
      if (waiting === "") atTurnEnd(flush);
      waiting += line;
    },
  };
}

let standardErrorLines: LineWriter | undefined;

/** The lines of this process's standard error; a closed one is not told of. */
export function standardErrorWriter(): LineWriter {
  if (standardErrorLines) return standardErrorLines;
  const destination = new SonicBoom({ fd: 2, sync: true });
  // Nobody is left to tell that standard error is closed.
  destination.on("error", () => {});
  standardErrorLines = gatherLines(destination);
  return standardErrorLines;
}
