// What a gateway in the broker's own process tells and asks it, past HTTP and tokens: it could read the vault anyway.

import type { LimitsUpload, ObservedUsageUpload, UsageReports } from "#wire";
import type { Vault } from "../vault/vault.ts";
import type { ObservedUsageLog } from "./observed-usage.ts";
import type { UsageMonitor } from "./usage-monitor.ts";

/** The half of a BrokerClient that is about usage. */
export interface LocalReports {
  /** Takes in the headers (names in lower case) of an answer that was got with a credential. */
  reportLimits(credentialId: number, headers: LimitsUpload["headers"]): Promise<void>;
  /** Adds up what was used. */
  reportUsage(upload: ObservedUsageUpload): Promise<void>;
  /** How much of each account's allowance is used. */
  usage(): Promise<UsageReports>;
  /** Has the providers be asked anew. */
  markUsageStale(): Promise<void>;
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
    markUsageStale: async () => usage.markStale(),
    usage: async () => ({ generatedAt: nowMs(), reports: await usage.reports() }),
    reportUsage: async (upload) => observed.record(upload, { sees: () => true, nowMs: nowMs() }),
  };
}
