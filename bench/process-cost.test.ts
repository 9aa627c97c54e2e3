// That the kernel's figures are read from the right columns, children included.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cpuSeconds, memoryMib } from "./process-cost.ts";

// Elsewhere the bench itself refuses to run.
if (existsSync("/proc/self/stat")) {
  test("CPU that was burnt is counted, in this process and in an ended child", () => {
    const before = cpuSeconds(process.pid);
    // By its own CPU time: on a busy machine little of a second is its own.
    const burn = "while (process.cpuUsage().user < 150_000);";
    Bun.spawnSync([process.execPath, "-e", burn], { env: {} });
    const { user, system } = process.cpuUsage();
    const counted = cpuSeconds(process.pid);
    expect(counted - before).toBeGreaterThan(0.05);
    expect(counted).toBeGreaterThan((user + system) / 1e6 - 0.05);
  });

  test("memory at its peak is no less than now, and some", () => {
    const { now, peak } = memoryMib(process.pid);
    expect(now).toBeGreaterThan(5);
    expect(peak).toBeGreaterThanOrEqual(now);
  });
}
