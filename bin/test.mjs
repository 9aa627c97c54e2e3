#!/usr/bin/env node
// `npm test`: installs what is missing, runs every test under Bun, and ends with one line a machine can read.
// Arguments go to `bun test`: `npm test -- gateway` runs one part.

import { stripVTControlCharacters } from "node:util";
import { root, runBun } from "./bun.mjs";
import { installWhenNeeded } from "./install.mjs";

/** Nothing here waits for a clock; what takes this long hangs, however busy the machine is. */
const TIMEOUT_MS = 60_000;

await installWhenNeeded();
process.chdir(root);
const counts = { pass: 0, fail: 0, skip: 0, todo: 0 };
let errors = 0;
let rest = "";

function count(chunk) {
  process.stderr.write(chunk);
  rest += chunk;
  const lines = rest.split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const text = stripVTControlCharacters(line);
    const total = /^\s*(\d+) (pass|fail|skip|todo)$/.exec(text);
    if (total) counts[total[2]] = Number(total[1]);
    const failed = /^\s*(\d+) errors?$/.exec(text);
    if (failed) errors = Number(failed[1]);
  }
}

const code = await runBun(["test", `--timeout=${TIMEOUT_MS}`, ...process.argv.slice(2)], {
  onOutput: count,
});
// Bun counts an error outside a test among the failures already, where there are any.
const failed = Math.max(counts.fail, errors);
const skipped = counts.skip + counts.todo;
// A crash before the summary must not read as "0 failed".
const shown = failed === 0 && code !== 0 ? 1 : failed;
process.stdout.write(
  `${counts.pass} passed, ${shown} failed${skipped ? `, ${skipped} skipped` : ""}\n`,
);
process.exit(code);
