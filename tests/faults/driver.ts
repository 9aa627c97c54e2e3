// One action on a vault in a process of its own, for a tracer to break. Waits for a line on its standard input
// first, so that the tracer sees the action and not the start. Exit code 0 acknowledges the action; REFUSED says
// that it was refused, and one line of JSON on standard output says how.

import { readSync } from "node:fs";
import { actionNamed } from "./actions.ts";

/** Exit code of an action that was refused. */
export const REFUSED = 3;

if (import.meta.main) {
  const [name = "", root = ""] = process.argv.slice(2);
  const action = actionNamed(name);
  process.stdout.write("ready\n");
  readSync(0, Buffer.alloc(1));
  try {
    await action.run(root);
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: typeof error, message: "" };
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    process.stdout.write(`${JSON.stringify({ name, code, message })}\n`);
    process.exit(REFUSED);
  }
  process.exit(0);
}
