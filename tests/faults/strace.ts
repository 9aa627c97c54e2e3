// Runs one action of the driver under strace, and breaks one system call of it: the process is killed there, or
// the call fails. Refuses to guess: where strace may not trace, `straceProblem` says why, and the tests skip.

import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ActionName } from "./actions.ts";
import { REFUSED } from "./driver.ts";

const DRIVER = join(import.meta.dir, "driver.ts");

/** Calls that may find the disk full. */
const GROWING =
  "write,writev,pwrite64,pwritev,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,mkdir,mkdirat";
/** Calls that make what was written durable. */
const SYNCING = "fsync,fdatasync";
/** Every call that changes a file, its name or its durability. */
const CHANGING = `${GROWING},${SYNCING},unlink,unlinkat,fchmod,chmod`;

/** What becomes of the chosen call, and which calls are counted. */
export const faults = {
  killed: { calls: CHANGING, inject: "signal=SIGKILL" },
  "disk full": { calls: GROWING, inject: "error=ENOSPC" },
  "device failing": { calls: `${SYNCING},pwrite64`, inject: "error=EIO" },
} as const;
export type Fault = keyof typeof faults;

export interface Outcome {
  readonly kind: "acknowledged" | "refused" | "killed";
  /** How it was refused. */
  readonly error: { name: string; code: string; message: string } | undefined;
  /** The calls of the main thread that were counted, as strace prints them. */
  readonly calls: readonly string[];
}

/** Runs an action; with `at`, its at-th call (from 1) meets the fault. */
export async function traced(
  action: ActionName,
  root: string,
  { fault, at }: { fault: Fault; at?: number },
): Promise<Outcome> {
  const { calls, inject } = faults[fault];
  const log = join(root, "strace.log");
  const options = [`--output=${log}`, `--trace=${calls}`];
  if (at !== undefined) options.push(`--inject=${calls}:${inject}:when=${at}`);
  const driver = Bun.spawn([process.execPath, DRIVER, action, root], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = driver.stdout.getReader();
  await said.read();
  const tracer = attach(driver.pid, options);
  try {
    await tracer.attached;
    driver.stdin.write("\n");
    await driver.stdin.end();
    const exitCode = await driver.exited;
    await tracer.done;
    const lines = readFileSync(log, "utf8").split("\n");
    const own = lines.filter((line) => line.startsWith(`${driver.pid} `) && line.includes("("));
    rmSync(log);
    if (driver.signalCode === "SIGKILL") return { kind: "killed", error: undefined, calls: own };
    if (exitCode === 0) return { kind: "acknowledged", error: undefined, calls: own };
    if (exitCode !== REFUSED) {
      throw new Error(`the driver ended with ${exitCode}: ${await driver.stderr.text()}`);
    }
    const { value } = await said.read();
    return { kind: "refused", error: JSON.parse(new TextDecoder().decode(value)), calls: own };
  } finally {
    driver.kill("SIGKILL");
    tracer.stop();
  }
}

function attach(pid: number, options: readonly string[]) {
  const tracer = Bun.spawn(["strace", "--follow-forks", ...options, `--attach=${pid}`], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  return {
    attached: hasAttached(tracer.stderr),
    done: tracer.exited,
    stop: () => tracer.kill("SIGTERM"),
  };
}

async function hasAttached(stderr: ReadableStream<Uint8Array>): Promise<void> {
  const line = await firstLine(stderr);
  if (!line.includes("attached")) throw new Error(`strace: ${line}`);
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return text;
    text += new TextDecoder().decode(value);
    if (text.includes("\n")) break;
  }
  // Nobody reads on, and strace says little; what it says must not fill the pipe and stop it.
  void (async () => {
    while (!(await reader.read()).done);
  })();
  return text.slice(0, text.indexOf("\n"));
}

/** Why nothing can be traced here; undefined when it can. */
export async function straceProblem(): Promise<string | undefined> {
  if (process.platform !== "linux") return "strace is for Linux only";
  if (!Bun.which("strace")) return "strace is not installed";
  const sleeper = Bun.spawn(["sleep", "60"]);
  const log = join(tmpdir(), `parley-strace-${process.pid}.log`);
  const inject = "--inject=fsync:error=EIO:when=1";
  const tracer = attach(sleeper.pid, [`--output=${log}`, "--trace=fsync", inject]);
  try {
    await tracer.attached;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : "strace may not trace";
  } finally {
    sleeper.kill("SIGKILL");
    await tracer.done;
    rmSync(log, { force: true });
  }
}
