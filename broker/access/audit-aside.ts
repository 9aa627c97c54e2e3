// Begins a new audit log where the one that is there cannot be continued, such as beside a restored vault that it
// was not written for. Keeps the old one: it is evidence.

import { existsSync, renameSync } from "node:fs";
import type { IndexKey } from "../vault/seal.ts";
import { auditHeadPath, AuditLog, auditPath } from "./audit-log.ts";

/** Moves the log aside unless the vault's keys verify it; where it went, or null. */
export function setForeignAuditAside(
  home: string,
  { index, nowMs = Date.now() }: { index: IndexKey; nowMs?: number },
): string | null {
  const path = auditPath(home);
  if (!existsSync(path) || isOwn(home, index)) return null;
  const suffix = `.replaced-${new Date(nowMs).toISOString().replace(/\W/g, "")}`;
  for (const file of [path, `${path}-wal`, `${path}-shm`, auditHeadPath(home)]) {
    if (existsSync(file)) renameSync(file, file + suffix);
  }
  return path + suffix;
}

function isOwn(home: string, index: IndexKey): boolean {
  const log = AuditLog.open(home, { index });
  try {
    return log.verify().isIntact;
  } finally {
    log.close();
  }
}
