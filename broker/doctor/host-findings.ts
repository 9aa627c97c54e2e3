// What can be wrong around a broker: its certificate, its disk, its audit log, who can reach it.
// Reads only, and contacts nobody.

import { X509Certificate } from "node:crypto";
import { readFileSync, statfsSync } from "node:fs";
import { type Config, isLoopback, parseBindAddress } from "#platform";
import type { AuditVerdict } from "../access/audit-log.ts";
import { brokerBind, brokerTlsCert } from "../config.ts";
import { type Finding, timeLeft } from "./finding.ts";

/** Less free space than this is worth a warning, in bytes. */
export const MIN_FREE_BYTES = 100 * 1024 * 1024;
/** A certificate that ends within this time is worth a warning, in ms. */
export const CERTIFICATE_SOON_MS = 14 * 86_400_000;

/** Who can reach the broker, and whether what they send is encrypted. */
export function exposureFinding(config: Config): Finding {
  const bind = config.get(brokerBind);
  const name = "exposure";
  if (isLoopback(parseBindAddress(bind).hostname)) {
    return { name, status: "ok", detail: `${bind} can be reached from this host only` };
  }
  if (config.get(brokerTlsCert) !== "") return { name, status: "ok", detail: `${bind} by TLS` };
  return {
    name,
    status: "warning",
    detail: `${bind} can be reached from other machines over plain HTTP`,
    fix: "Set broker.tlsCert and broker.tlsKey, or bind to 127.0.0.1 behind a proxy or a tunnel.",
  };
}

/** How long the certificate lasts; nothing without one. */
export function certificateFindings(config: Config, nowMs: number): Finding[] {
  const path = config.get(brokerTlsCert);
  if (path === "") return [];
  const name = "certificate";
  try {
    const leftMs = new X509Certificate(readFileSync(path)).validToDate.getTime() - nowMs;
    if (leftMs <= 0) return [{ name, status: "failed", detail: `${path} has expired` }];
    const status = leftMs > CERTIFICATE_SOON_MS ? "ok" : "warning";
    return [{ name, status, detail: `${path} lasts ${timeLeft(leftMs)}` }];
  } catch {
    return [{ name, status: "failed", detail: `${path} cannot be read as a certificate` }];
  }
}

/** Whether there is space to record and to refresh. */
export function diskFinding(home: string): Finding {
  const { bavail, bsize } = statfsSync(home);
  const freeMib = Math.floor((bavail * bsize) / 1_048_576);
  const detail = `${freeMib} MiB free in ${home}`;
  if (bavail * bsize >= MIN_FREE_BYTES) return { name: "disk", status: "ok", detail };
  return {
    name: "disk",
    status: "warning",
    detail,
    fix: "Make space: a full disk stops refreshes, and secrets are not handed out unrecorded.",
  };
}

/** Whether the audit log is whole. */
export function auditFinding(verdict: AuditVerdict): Finding {
  if (verdict.isIntact) {
    return { name: "audit", status: "ok", detail: `${verdict.records} records, the chain holds` };
  }
  return {
    name: "audit",
    status: "failed",
    detail: `the chain is broken at record ${verdict.seq}: ${verdict.problem}`,
    fix: "Keep audit.db as evidence; `agent auth-broker audit --help` says how to begin a new log.",
  };
}
