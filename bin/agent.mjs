#!/usr/bin/env node
// The launcher behind `agent` and `npm start`: makes the machine ready, then hands over to cli/main.ts on Bun.
// It parses nothing but --run, which the repository's own scripts use.

import { join } from "node:path";
import { root, runBun } from "./bun.mjs";
import { installWhenNeeded } from "./install.mjs";

await installWhenNeeded();
const args = process.argv.slice(2);
const [script, rest] =
  args[0] === "--run"
    ? [join(root, args[1] ?? ""), args.slice(2)]
    : [join(root, "cli", "main.ts"), args];
process.exit(await runBun([script, ...rest]));
