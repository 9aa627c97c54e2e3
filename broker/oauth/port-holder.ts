// Which process listens on a port of this machine, so that an error can name it. Best effort: Linux only,
// and only for processes whose files we may look at.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A listening process. */
export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

const LISTEN = "0A";

/** The process that listens on a TCP port; undefined when it cannot be told. */
export function portHolder(port: number): PortHolder | undefined {
  const inodes = new Set(["tcp", "tcp6"].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  const pid = entries("/proc").find((name) => /^\d+$/.test(name) && holdsOne(name, inodes));
  if (pid === undefined) return undefined;
  const command = contents(`/proc/${pid}/comm`)
    .replace(/[^\x20-\x7e]/g, "")
    .trim();
  return { pid: Number(pid), command: command === "" ? "unknown" : command };
}

function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return contents(`/proc/net/${table}`)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === LISTEN)
    .flatMap((fields) => fields[9] ?? []);
}

function holdsOne(pid: string, inodes: ReadonlySet<string>): boolean {
  return entries(`/proc/${pid}/fd`).some((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(target(`/proc/${pid}/fd/${fd}`))?.[1];
    return inode !== undefined && inodes.has(inode);
  });
}

function entries(folder: string): string[] {
  return orElse([], () => readdirSync(folder));
}

function contents(path: string): string {
  return orElse("", () => readFileSync(path, "utf8"));
}

function target(link: string): string {
  return orElse("", () => readlinkSync(link));
}

// Processes end while they are looked at, and those of others may not be looked at.
function orElse<T>(nothing: T, look: () => T): T {
  try {
    return look();
  } catch {
    return nothing;
  }
}
