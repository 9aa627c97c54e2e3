// What a process has cost so far, as the kernel counts it: CPU seconds of it and its children, peak memory.
// Linux only; other systems have no /proc and get a BenchError instead of a guess.

import { existsSync, readFileSync } from "node:fs";
import { BenchError } from "./bench-error.ts";

/** The unit of /proc/PID/stat; USER_HZ is 100 on every Linux a user can see (time(7)). */
const TICKS_PER_SECOND = 100;

/** Throws BenchError where costs cannot be read. */
export function requireProc(): void {
  if (existsSync("/proc/self/stat")) return;
  throw new BenchError("no_proc", "the bench reads CPU times from /proc, so it needs Linux");
}

/** CPU seconds (user and system) of `pid` and its descendants, living and ended. Steps of 10 ms. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid);
  // utime, stime, cutime, cstime: fields 14 to 17 of proc_pid_stat(5), counted from the state (3).
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const own = ticks / TICKS_PER_SECOND;
  return childrenOf(pid).reduce((sum, child) => sum + (whileAlive(cpuSeconds, child) ?? 0), own);
}

/** Resident memory in MiB of `pid` and its living descendants: now, and at its peak. */
export function memoryMib(pid: number): { now: number; peak: number } {
  const status = readProc(pid, "status");
  const kib = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return childrenOf(pid)
    .flatMap((child) => whileAlive(memoryMib, child) ?? [])
    .reduce((sum, each) => ({ now: sum.now + each.now, peak: sum.peak + each.peak }), {
      now: kib("VmRSS") / 1_024,
      peak: kib("VmHWM") / 1_024,
    });
}

// A child may end between being listed and being read; its time is in its parent's account by then.
function whileAlive<T>(read: (pid: number) => T, pid: number): T | undefined {
  try {
    return read(pid);
  } catch (error) {
    if (error instanceof BenchError) return undefined;
    throw error;
  }
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch (cause) {
    throw new BenchError("child_ended", `process ${pid} ended while it was measured`, { cause });
  }
}

function statFields(pid: number): readonly string[] {
  const stat = readProc(pid, "stat");
  // The name stands in parentheses and may hold spaces.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function childrenOf(pid: number): readonly number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(path)) return [];
  return readFileSync(path, "latin1").split(" ").filter(Boolean).map(Number);
}
