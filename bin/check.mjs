#!/usr/bin/env node
// `npm run check`: types, format, lint with layers and cycles, dead code. Every gate runs, then one verdict.
// `npm run check -- --fix` formats first.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { findBun, root } from "./bun.mjs";
import { installWhenNeeded } from "./install.mjs";

await installWhenNeeded();
const bun = findBun();
const tool = (name) => join(root, "node_modules", name);
const gates = [
  ["types", ["check", "--no-script"]],
  ["types in the browser", ["check", "--no-script", "-p", "gateway/dash/page"]],
  ["format", ["fmt", "--check", "--no-script"]],
  ["lint, layers, cycles", ["--bun", tool("oxlint/bin/oxlint"), "--deny-warnings"]],
  ["dead code", ["--bun", tool("knip/bin/knip-bun.js"), "--no-progress"]],
];

if (process.argv.includes("--fix")) {
  spawnSync(bun, ["fmt", "--no-script"], { cwd: root, stdio: "inherit" });
}

let failed = 0;
for (const [name, args] of gates) {
  const { status } = spawnSync(bun, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) failed += 1;
  process.stdout.write(`${status === 0 ? "ok  " : "FAIL"} ${name}\n`);
}
process.stdout.write(`${gates.length - failed} of ${gates.length} gates hold\n`);
process.exit(failed === 0 ? 0 : 1);
