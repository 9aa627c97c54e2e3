// A check that accepts everything would make every figure worthless: each way to lose text must be found.

import { expect, test } from "bun:test";
import { dialectIds, dialects, streamFrames } from "./dialects.ts";
import { DeliveryCheck, markedPieces } from "./marked-text.ts";

const PIECES = 5;

for (const id of dialectIds) {
  const dialect = dialects[id];
  const check = new DeliveryCheck({ pieces: PIECES, ...dialect });
  const problemOf = (frames: readonly string[]) => check.problem(Buffer.from(frames.join("")));
  const frames = streamFrames(dialect, markedPieces(PIECES));
  const lost = frames.findIndex((frame) => frame.includes("#0003"));

  test(`${id}: a whole stream is delivered`, () => {
    expect(problemOf(frames)).toBeUndefined();
  });

  test(`${id}: a lost delta is found, even where the text is repeated at the end`, () => {
    expect(problemOf(frames.toSpliced(lost, 1))).toBe("delta 3 of 5 is missing");
  });

  test(`${id}: two deltas in the wrong order are found`, () => {
    const swapped = frames.with(lost, frames[lost + 1] ?? "").with(lost + 1, frames[lost] ?? "");
    expect(problemOf(swapped)).toBe("delta 4 of 5 is missing");
  });

  test(`${id}: a stream without its terminator is not delivered`, () => {
    const cut = frames.filter((frame) => !frame.includes(dialect.terminator));
    expect(problemOf(cut)).toBe("the terminator is missing");
  });

  test(`${id}: deltas sent twice are found`, () => {
    const first = frames.findIndex((frame) => frame.includes("#0000"));
    const deltas = frames.slice(first, first + PIECES);
    expect(problemOf(frames.toSpliced(first, 0, ...deltas))).toBe("the text came twice");
  });
}
