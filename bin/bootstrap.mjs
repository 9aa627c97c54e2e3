// What a plain Node needs before Bun can run anything: dependencies present, Bun found, its environment set.
// Plain JavaScript without dependencies on purpose: it runs on a machine that has only Node 20 and npm.
// It never loads better-sqlite3 (crashes Node 20) and never trusts the stub that a blocked install script leaves.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
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

const isCheckout = existsSync(join(root, ".git")) || existsSync(join(root, "tests"));
const stampPath = join(root, "node_modules", ".parley-install");

function lockfileHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

function isInstalled() {
  try {
    return readFileSync(stampPath, "utf8") === lockfileHash();
  } catch {
    return false;
  }
}

/** Installs the locked dependencies of a checkout when they are absent or the lockfile has changed. */
export function installWhenNeeded() {
  if (!isCheckout || isInstalled()) return;
  process.stderr.write("Installing dependencies (once, about ten seconds)…\n");
  // --ignore-scripts: no package of ours needs its script (Bun is found where npm unpacked it), npm 12
  // blocks them, and npm 10 would run node-gyp for better-sqlite3, which fails without Python.
  const npm = spawnSync(
    "npm",
    ["ci", "--ignore-scripts", "--loglevel=error", "--no-audit", "--no-fund"],
    {
      cwd: root,
      // stdout is the command's own (`agent up --json`): npm talks on stderr only.
      stdio: ["ignore", 2, 2],
      shell: process.platform === "win32",
    },
  );
  if (npm.error) fail(`npm could not be started: ${npm.error.message}. Install Node 20+ with npm.`);
  if (npm.status !== 0) fail("npm ci failed; its message is above.", npm.status ?? 1);
  mkdirSync(dirname(stampPath), { recursive: true });
  writeFileSync(stampPath, lockfileHash());
}

function fail(message, code = 1) {
  process.stderr.write(`agent: ${message}\n`);
  process.exit(code);
}

function bunPackages() {
  const { platform, arch } = process;
  const os = platform === "win32" ? "windows" : platform;
  const cpu = arch === "arm64" ? "aarch64" : arch;
  const names = [
    `bun-${os}-${cpu}`,
    `bun-${os}-${cpu}-musl`,
    `bun-${os}-${cpu}-baseline`,
    `bun-${os}-${cpu}-musl-baseline`,
  ];
  return names.map((name) => `@oven/${name}`);
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

/** Path of a Bun that runs: the pinned package, wherever npm left its binary. */
export function findBun() {
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
  const bun = unpacked.length > 1 ? unpacked.find(runs) : unpacked[0];
  return (
    bun ??
    fail(
      "Bun is missing: run `npm ci` in the checkout, or reinstall the package with optional dependencies.",
    )
  );
}

/** Runs Bun with `args` to its end: signals forwarded, exit code returned; `onOutput` sees its stderr when given. */
export function runBun(args, { env = {}, onOutput } = {}) {
  const child = spawn(findBun(), args, {
    stdio: ["inherit", "inherit", onOutput ? "pipe" : "inherit"],
    // The pid lets a server notice that its launcher was killed, which forwards nothing.
    env: {
      BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_HTTP_REQUESTS,
      ...process.env,
      PARLEY_LAUNCHER_PID: String(process.pid),
      ...env,
    },
  });
  if (onOutput) child.stderr.on("data", onOutput);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  // A terminal's Ctrl-C reaches the child as well; forwarding only what was sent to us alone would need
  // to know which. The child treats a repeat within its stop as the same request.
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve) => {
    child.on("error", (error) => fail(`Bun could not be started: ${error.message}`));
    child.on("close", (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}
