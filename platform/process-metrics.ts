// What every process tells about itself, under the names Prometheus gives to it. Our own few lines: the
// library's collectors load a tracing framework, and call six gigabytes a heap under this runtime.

import { readdirSync } from "node:fs";
import type { Aggregator } from "./metrics-snapshot.ts";

/** A number that is read when it is asked for; undefined where the system does not tell. */
export interface ProcessMetric {
  readonly kind: "counter" | "gauge";
  readonly name: string;
  readonly help: string;
  /** How it is added up over processes; `sum` where it is left out. */
  readonly aggregator?: Aggregator;
  readonly read: () => number | undefined;
}

/** Memory, processor time, start and open files of this process. */
export const processMetrics: readonly ProcessMetric[] = [
  {
    kind: "gauge",
    name: "process_resident_memory_bytes",
    help: "Resident memory in bytes.",
    read: () => process.memoryUsage.rss(),
  },
  {
    kind: "counter",
    name: "process_cpu_seconds_total",
    help: "User and system processor time in seconds.",
    read: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  },
  {
    kind: "gauge",
    name: "process_start_time_seconds",
    help: "When the process started, in seconds since 1970.",
    aggregator: "min",
    read: () => performance.timeOrigin / 1000,
  },
  {
    kind: "gauge",
    name: "process_open_fds",
    help: "Open file descriptors.",
    read: countOpenFiles,
  },
];

function countOpenFiles(): number | undefined {
  try {
    // Without the one that this look has opened.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}
