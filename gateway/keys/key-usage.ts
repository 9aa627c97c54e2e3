// What one key has used, as the ledger and its account know it at this moment.

import type { Ledger } from "../ledger/ledger.ts";
import { type UsageSum, usageSums } from "../ledger/usage-sums.ts";
import type { Caller } from "../pipeline/caller.ts";
import type { BudgetState } from "./budget.ts";
import type { KeyAccounts } from "./key-accounts.ts";

/** Sums by model, and the state of each budget; of a caller without rules no budgets. */
export interface KeyUsage {
  readonly sums: readonly UsageSum[];
  readonly budgets: readonly BudgetState[];
}

/** Reads the usage of a caller since a time, in ms since the epoch. */
export type ReadKeyUsage = (
  caller: Pick<Caller, "id" | "rules" | "rotatedAtMs">,
  sinceMs: number,
) => KeyUsage | Promise<KeyUsage>;

/** Reads it from the files and accounts of this process. */
export function keyUsageReader(parts: {
  readonly ledger: Ledger;
  readonly accounts: KeyAccounts;
  readonly nowMs: () => number;
}): ReadKeyUsage {
  const { ledger, accounts, nowMs } = parts;
  return ({ id, rules }, sinceMs) => {
    ledger.flush();
    return {
      sums: usageSums(ledger.database, { by: "model", sinceMs, keyId: id }),
      budgets: rules ? accounts.of(id).budget.states(rules, nowMs()) : [],
    };
  };
}
