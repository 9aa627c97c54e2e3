// Every action on the vault, broken at its k-th system call, for k = 1, 2, … until nothing breaks any more: what was
// acknowledged is there, what was not is there whole or not at all, and a second run succeeds.
// PARLEY_FAULTS=all breaks every call; otherwise a sample that keeps the suite short.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "#platform";
import { type ActionName, actions, CANARY, contentOf } from "./actions.ts";
import { type Fault, faults, type Outcome, straceProblem, traced } from "./strace.ts";

const isComplete = environment().PARLEY_FAULTS === "all";
/** Calls broken per action and fault, unless all are. */
const SAMPLE = 4;
/** The same where each opening of the vault takes a third of a second on purpose. */
const SLOW_SAMPLE = 2;
const TYPED = ["BrokerError", "SealBroken", "MasterKeyError", "DatabaseError", "PrivateFileError"];
const problem = await straceProblem();
if (problem) process.stderr.write(`tests/faults: no system call is broken here: ${problem}\n`);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-faults-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const names = Object.keys(actions) as ActionName[];
const cases = names.flatMap((name) =>
  (Object.keys(faults) as Fault[]).map((fault) => [name, fault] as const),
);

describe.skipIf(problem !== undefined)("a vault survives", () => {
  test.each(cases)("%s: %s at any call", async (name, fault) => {
    const template = mkdtempSync(join(folder, "template-"));
    actions[name].prepare(template);
    const before = name === "first open" ? undefined : await contentOf(template);
    const whole = copyOf(template);
    const { calls, kind } = await traced(name, whole, { fault });
    expect(kind).toBe("acknowledged");
    const states = { before, after: await contentOf(whole) };
    await inPairs(chosen(calls, name.includes("passphrase") ? SLOW_SAMPLE : SAMPLE), async (at) => {
      const root = copyOf(template);
      const outcome = await traced(name, root, { fault, at });
      const where = `call ${at}: ${calls[at - 1]}`;
      await holds(root, outcome, { ...states, where });
      await actions[name].run(root);
      expect(`${where}: ${await contentOf(root)}`).toBe(`${where}: ${states.after}`);
      rmSync(root, { recursive: true });
    });
  });
});

async function holds(
  root: string,
  { kind, error }: Outcome,
  { before, after, where }: { before: string | undefined; after: string; where: string },
): Promise<void> {
  const found = `${where}: ${await contentOf(root)}`;
  if (kind === "acknowledged") expect(found).toBe(`${where}: ${after}`);
  else expect([before ?? after, after].map((state) => `${where}: ${state}`)).toContain(found);
  if (!error) return;
  expect(`${where}: ${error.name} ${error.message}`).toMatch(new RegExp(`: (${TYPED.join("|")}) `));
  expect(error.message).not.toContain(CANARY);
}

/** Which calls are broken: all, or some of those that differ from the one before. */
function chosen(calls: readonly string[], size: number): number[] {
  const all = calls.map((_, index) => index + 1);
  if (isComplete) return all;
  const subject = (index: number) => /\w+\(\d*/.exec(calls[index] ?? "")?.[0];
  const turns = all.filter((at) => at === 1 || subject(at - 1) !== subject(at - 2));
  const step = Math.max(1, turns.length / size);
  const sample = Array.from(
    { length: size },
    (_, index) => turns[Math.floor(index * step + step / 2)],
  );
  return sample.filter((at) => at !== undefined);
}

function copyOf(template: string): string {
  const root = mkdtempSync(join(folder, "run-"));
  cpSync(template, root, { recursive: true });
  return root;
}

async function inPairs(all: readonly number[], run: (each: number) => Promise<void>) {
  const queue = [...all];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next);
  };
  await Promise.all([worker(), worker()]);
}
