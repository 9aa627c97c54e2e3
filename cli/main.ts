// The process: the only file with side effects when it is loaded. Gives the commands their world and exits
// with their code.

import { version } from "../package.json";
import type { CommandContext } from "./command.ts";
import { runProgram } from "./program.ts";
import { LAUNCHER_VARIABLE } from "./until-stopped.ts";

const stdout = (text: string) => void process.stdout.write(text);
const stderr = (text: string) => void process.stderr.write(text);

// Every part defines keys, so this loads them all: not for `agent --help`.
async function openContext(args: readonly string[]): Promise<CommandContext> {
  const [{ configKeys: keys }, { environment, forgetEnvironment, loadConfig }] = await Promise.all([
    import("./config-keys.ts"),
    import("#platform"),
  ]);
  const env = environment();
  // What was read into `env` no child needs to inherit.
  forgetEnvironment(keys.flatMap((key) => (key.isSecret && key.env ? [key.env] : [])));
  const cwd = process.cwd();
  return {
    args,
    env,
    cwd,
    keys,
    stdout,
    stderr,
    isTty: process.stderr.isTTY === true,
    loadConfig: (flags = {}, file) =>
      loadConfig({
        keys,
        env,
        cwd,
        flags,
        otherVariables: [LAUNCHER_VARIABLE],
        ...(file !== undefined && { file }),
      }),
  };
}

const code = await runProgram(process.argv.slice(2), { stdout, stderr, openContext, version });
// Pipes may still hold the last lines.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write("", () => resolve()));
}
process.exit(code);
