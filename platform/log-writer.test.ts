// Lines on their way to standard error: gathered, in order, none lost.

import { expect, test } from "bun:test";
import { gatherLines } from "./log-writer.ts";

function gathered() {
  const writes: string[] = [];
  let turnEnds: (() => void)[] = [];
  let exit = () => {};
  const lines = gatherLines(
    { write: (text) => writes.push(text) },
    { atTurnEnd: (flush) => void turnEnds.push(flush), atExit: (flush) => void (exit = flush) },
  );
  const endTurn = () => {
    const due = turnEnds;
    turnEnds = [];
    for (const flush of due) flush();
  };
  return { writes, lines, endTurn, exit: () => exit() };
}

test("the lines of one turn go out in one write, those of the next in another", () => {
  const { writes, lines, endTurn } = gathered();
  lines.write("a\n");
  lines.write("b\n");
  expect(writes).toEqual([]);
  endTurn();
  lines.write("c\n");
  endTurn();
  expect(writes).toEqual(["a\nb\n", "c\n"]);
});

test("an urgent line goes out at once, behind those that wait", () => {
  const { writes, lines, endTurn } = gathered();
  lines.write("a\n");
  lines.write("b\n", { isUrgent: true });
  endTurn();
  expect(writes).toEqual(["a\nb\n"]);
});

test("what waits when the process ends is written before", () => {
  const { writes, lines, exit } = gathered();
  lines.write("a\n");
  exit();
  expect(writes).toEqual(["a\n"]);
});

test("a process that throws in the turn of its lines still shows them", () => {
  const program = `
    import { createLogger } from ${JSON.stringify(`${import.meta.dir}/log.ts`)};
    createLogger({}).info("first");
    createLogger({}).info("second");
    throw new Error("on purpose");`;
  const { stderr } = Bun.spawnSync([process.execPath, "-e", program]);
  const lines = stderr.toString().split("\n");
  const messages = lines
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line).message);
  expect(messages).toEqual(["first", "second"]);
});
