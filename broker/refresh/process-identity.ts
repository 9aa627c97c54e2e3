// Tells a process that still runs from one whose number another process has now. The exchange child loads this
// too, so it imports nothing of ours. Refuses to judge processes of another machine or container.

import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process, for good: numbers are reused, starts are not. */
export interface ProcessIdentity {
  /** The machine since its last start, and the container on it. */
  readonly place: string;
  readonly pid: number;
  /** When it started, in the words of the system. */
  readonly started: string;
}

/** Who this process is. */
export function ownIdentity(): ProcessIdentity {
  const started = startOf(process.pid) ?? "";
  return { place: ownPlace(), pid: process.pid, started };
}

/** Whether a process still runs; `elsewhere` when only its own machine could tell. */
export function livenessOf({
  place,
  pid,
  started,
}: ProcessIdentity): "runs" | "ended" | "elsewhere" {
  if (place !== ownPlace()) return "elsewhere";
  return startOf(pid) === started ? "runs" : "ended";
}

function ownPlace(): string {
  return [hostname(), textOf("/proc/sys/kernel/random/boot_id"), pidNamespace()].join(" ");
}

/** Undefined for a process that has ended, also while its parent has not taken note. */
function startOf(pid: number): string | undefined {
  if (process.platform !== "linux") return startByPs(pid);
  const stat = textOf(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, parentheses and blanks included.
  const [state = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isOver = stat === "" || state === "Z" || state === "X";
  return isOver ? undefined : fields[18];
}

function startByPs(pid: number): string | undefined {
  const { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
  return stdout?.trim() || undefined;
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
