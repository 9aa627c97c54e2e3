// Finds the pinned Bun, wherever npm left it, and runs it as if it were this process. Plain JavaScript without
// dependencies on purpose: it runs on a machine that has only Node 20 and npm. It never loads better-sqlite3
// (crashes Node 20) and never trusts the stub that a blocked install script leaves.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of package.json, in a checkout and in an installed package alike. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Bun's fetch stops at 256 requests in flight unless this is set before the process starts. */
const MAX_HTTP_REQUESTS = "65336";

/** Anything smaller is the stub of npm package `bun`, not the program. */
const MIN_BUN_BYTES = 1_000_000;

/** How often a vanished npm is looked for. */
const PARENT_CHECK_MS = 1_000;

/** Ends with a message for people. */
export function fail(message, code = 1) {
  process.stderr.write(`agent: ${message}\n`);
  process.exit(code);
}

/** Path of a Bun that runs, or undefined. */
export function locateBun() {
  const require = createRequire(join(root, "package.json"));
  const folders = (require.resolve.paths("bun") ?? []).filter((folder) => existsSync(folder));
  const file = process.platform === "win32" ? "bun.exe" : "bun";
  // The postinstall moves the binary here; without scripts it stays in @oven.
  const moved = folders.map((folder) => join(folder, "bun", "bin", "bun.exe")).find(isProgram);
  if (moved) return moved;
  const unpacked = folders
    .flatMap((folder) => bunPackages().map((name) => join(folder, name, "bin", file)))
    .filter(isProgram);
  // Several variants may be there (musl beside glibc); only then is a trial run worth its time.
  return unpacked.length > 1 ? unpacked.find(runs) : unpacked[0];
}

/** Path of a Bun that runs; ends with a message when there is none. */
export function findBun() {
  const bun = locateBun();
  return bun ?? fail("Bun is missing: reinstall the package with its optional dependencies.");
}

function bunPackages() {
  const { platform, arch } = process;
  const os = platform === "win32" ? "windows" : platform;
  const cpu = arch === "arm64" ? "aarch64" : arch;
  const variants = ["", "-musl", "-baseline", "-musl-baseline"];
  return variants.map((variant) => `@oven/bun-${os}-${cpu}${variant}`);
}

function isProgram(path) {
  try {
    return statSync(path).size > MIN_BUN_BYTES;
  } catch {
    return false;
  }
}

function runs(path) {
  return spawnSync(path, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Runs Bun with `args` to its end: signals forwarded, exit code returned; `onOutput` sees its stderr when given. */
export function runBun(args, { onOutput } = {}) {
  const child = spawn(findBun(), args, {
    stdio: ["inherit", "inherit", onOutput ? "pipe" : "inherit"],
    // The pid lets a server notice that its launcher was killed, which forwards nothing.
    env: {
      BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_HTTP_REQUESTS,
      ...process.env,
      PARLEY_LAUNCHER_PID: String(process.pid),
    },
  });
  if (onOutput) child.stderr.on("data", onOutput);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  // A terminal's Ctrl-C reaches the child as well; it treats a repeat within its stop as the same request.
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  const watch = watchNpm(() => child.kill("SIGTERM"));
  return new Promise((resolve) => {
    child.on("error", (error) => fail(`Bun could not be started: ${error.message}`));
    child.on("close", (code, signal) => {
      clearInterval(watch);
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

// npm passes SIGTERM to its shell only, which dies and leaves us behind, serving for ever. Started by anything but
// npm, a parent may leave on purpose (nohup, a script).
function watchNpm(onGone) {
  const parent = process.ppid;
  if (!process.env.npm_lifecycle_event) return undefined;
  return setInterval(() => {
    if (process.ppid !== parent) onGone();
  }, PARENT_CHECK_MS).unref();
}
