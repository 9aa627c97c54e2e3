// Makes node_modules what the lockfile says, when it is not. One process at a time; stopped, it leaves nothing
// running, and the next start begins anew. Never runs an install script: none is needed (Bun is found where npm
// unpacked it), npm 12 blocks them, and npm 10 would run node-gyp, which fails without Python.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fail, locateBun, root } from "./bun.mjs";

const LOCK_POLL_MS = 300;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const NPM_CI = [
  "ci",
  "--ignore-scripts",
  // A production environment, or the user's own npm settings, must not leave half of it out.
  "--include=dev",
  "--include=optional",
  "--no-engine-strict",
  "--dry-run=false",
  "--loglevel=error",
  "--no-audit",
  "--no-fund",
];

const isCheckout = existsSync(join(root, ".git")) || existsSync(join(root, "tests"));
const lockPath = join(
  tmpdir(),
  `parley-install-${createHash("sha256").update(root).digest("hex").slice(0, 16)}.pid`,
);

/** Installs the locked dependencies of a checkout when any is absent or of another version. */
export async function installWhenNeeded() {
  if (!isCheckout || isInstalled()) return;
  refuseLink();
  await acquireLock();
  try {
    if (isInstalled()) return;
    process.stderr.write("Installing dependencies (once; ten seconds to a minute)…\n");
    await runNpm();
  } finally {
    rmSync(lockPath, { force: true });
  }
}

/** npm would empty the folder that the link leads to, and then put a folder of its own in the link's place. */
function refuseLink() {
  const modules = join(root, "node_modules");
  if (!lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  fail(
    "node_modules is a link, and what it leads to is not what package-lock.json asks for; remove the link.",
  );
}

/** Compares what npm says it installed with the lockfile, whoever ran npm. */
function isInstalled() {
  try {
    const wanted = readPackages(join(root, "package-lock.json"));
    const present = readPackages(join(root, "node_modules", ".package-lock.json"));
    return (
      wanted.every(([path, { version, optional }]) => isPresent(path, version, optional)) &&
      locateBun()
    );

    function isPresent(path, version, optional) {
      const found = present.find(([other]) => other === path)?.[1];
      // Of optional packages only those for this platform are unpacked.
      if (!found) return optional === true;
      return found.version === version && existsSync(join(root, path, "package.json"));
    }
  } catch {
    // No node_modules, or one that npm left half-finished.
    return false;
  }
}

function readPackages(path) {
  return Object.entries(JSON.parse(readFileSync(path, "utf8")).packages).filter(
    ([name]) => name !== "",
  );
}

async function acquireLock() {
  for (let hasSaid = false; ;) {
    try {
      const file = openSync(lockPath, "wx");
      writeSync(file, String(process.pid));
      closeSync(file);
      return;
    } catch (error) {
      if (error.code !== "EEXIST") fail(`cannot write ${lockPath}: ${error.message}`);
    }
    if (!isHolderAlive()) {
      rmSync(lockPath, { force: true });
      continue;
    }
    if (!hasSaid)
      process.stderr.write("Another process is installing the dependencies; waiting…\n");
    hasSaid = true;
    await pause(LOCK_POLL_MS);
  }
}

function isHolderAlive() {
  try {
    process.kill(Number(readFileSync(lockPath, "utf8")), 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function runNpm() {
  // The npm that runs us, when one does: there may be none on PATH.
  const script = process.env.npm_execpath;
  const isNpm = script?.endsWith("npm-cli.js") === true;
  const [command, args] = isNpm ? [process.execPath, [script, ...NPM_CI]] : ["npm", NPM_CI];
  const npm = spawn(command, args, {
    cwd: root,
    // stdout is the command's own (`agent up --json`): npm talks on stderr only.
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32" && !isNpm,
  });
  const stop = (signal) => {
    npm.kill("SIGKILL");
    rmSync(lockPath, { force: true });
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  return new Promise((resolve) => {
    npm.on("error", (error) => {
      rmSync(lockPath, { force: true });
      fail(`npm could not be started: ${error.message}. Install Node 20 or newer with npm.`);
    });
    npm.on("close", (code, signal) => {
      for (const name of SIGNALS) process.off(name, stop);
      if (code === 0) return resolve();
      rmSync(lockPath, { force: true });
      fail(
        signal ? `npm ci was ended by ${signal}.` : "npm ci failed; its message is above.",
        code ?? 1,
      );
    });
  });
}
