// What a gateway in the broker's own process tells it, past HTTP and tokens: it could read the vault anyway.

import type { LimitsUpload, ObservedUsageUpload } from "#wire";
import type { Vault } from "../vault/vault.ts";
import type { ObservedUsageLog } from "./observed-usage.ts";
import type { UsageMonitor } from "./usage-monitor.ts";

/** The reporting half of a BrokerClient. */
export interface LocalReports {
  /** Takes in the headers (names in lower case) of an answer that was got with a credential. */
  reportLimits(credentialId: number, headers: LimitsUpload["headers"]): Promise<void>;
  /** Adds up what was used. */
  reportUsage(upload: ObservedUsageUpload): Promise<void>;
}

/** Reports to a broker in this process. */
export function localReports({
  vault,
  usage,
  observed,
  nowMs,
}: {
  readonly vault: Vault;
  readonly usage: UsageMonitor;
  readonly observed: ObservedUsageLog;
  readonly nowMs: () => number;
}): LocalReports {
  return {
    reportLimits: async (credentialId, headers) => {
      const stored = vault.get(credentialId);
      if (stored) usage.feed(stored, headers);
    },
    reportUsage: async (upload) => observed.record(upload, { sees: () => true, nowMs: nowMs() }),
  };
}
