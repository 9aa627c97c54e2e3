// Keys and money of a gateway that starts: who is let in, by which rules, and where it is written down.

import type { Logger } from "#platform";
import { Ledger } from "../ledger/ledger.ts";
import { LedgerRetention } from "../ledger/ledger-retention.ts";
import type { CatalogModel, ModelCatalog } from "../models/catalog.ts";
import { GatewayError } from "../errors.ts";
import { type Authenticate, type Caller, OWNER } from "../pipeline/caller.ts";
import type { Settlement } from "../pipeline/settlement.ts";
import type { PriceOf } from "../pricing/prices.ts";
import { GatewayKeys } from "./gateway-keys.ts";
import { KeyAccounts } from "./key-accounts.ts";
import { KeyAdmission } from "./key-admission.ts";
import { keyUsageReader } from "./key-usage.ts";
import { Policy } from "./policy.ts";
import type { PolicyRule } from "./policy-rules.ts";
import { LocalTill, type Till } from "./till.ts";

/** What they are opened with. */
export interface OpenKeysOptions {
  readonly home: string;
  readonly catalog: ModelCatalog;
  readonly rules: readonly PolicyRule[];
  readonly priceOf: PriceOf;
  /** Days that rows of the ledger are kept. */
  readonly ledgerDays: number;
  readonly isOwner: (candidate: string) => boolean;
  readonly nowMs: () => number;
  readonly log: Logger;
}

type GuardOptions = Omit<OpenKeysOptions, "home" | "ledgerDays" | "nowMs" | "log">;

/** Keys, and what may be done with them. */
export interface OpenKeys {
  readonly keys: GatewayKeys;
  readonly authenticate: Authenticate;
  readonly policy: Policy;
  readonly admission: KeyAdmission;
  stop(): void;
}

/** Opens gateway.db, with a till that is elsewhere. Throws DatabaseError. */
export function openKeysBeside(
  till: Till,
  { home, ...world }: GuardOptions & { readonly home: string },
): OpenKeys {
  const keys = new GatewayKeys(home);
  keys.watch();
  return { keys, ...guardedBy(keys, till, world), stop: () => keys.close() };
}

function guardedBy(
  keys: GatewayKeys,
  till: Till,
  { catalog, rules, priceOf, isOwner }: GuardOptions,
): Pick<OpenKeys, "authenticate" | "policy" | "admission"> {
  const policy = new Policy(rules, { find: (id) => findModels(catalog, id) });
  const isCurrent = (caller: Caller) => keys.isCurrent(caller);
  return {
    authenticate: (candidate) => (isOwner(candidate) ? OWNER : keys.authenticate(candidate)),
    policy,
    admission: new KeyAdmission({ policy, isCurrent, till, priceOf }),
  };
}

/** Opens gateway.db and ledger.db. Throws DatabaseError. */
export function openKeys({ home, ledgerDays, nowMs, log, ...world }: OpenKeysOptions) {
  const { priceOf } = world;
  const opened = openTill({ home, priceOf, ledgerDays, nowMs, log });
  const { keys, ledger, accounts, till, stop } = opened;
  return {
    keys,
    ...guardedBy(keys, till, world),
    readUsage: keyUsageReader({ ledger, accounts, nowMs }),
    observe: (settlement: Settlement) => ledger.record(settlement),
    stop,
  };
}

type TillOptions = Pick<OpenKeysOptions, "home" | "priceOf" | "ledgerDays" | "nowMs" | "log">;

/** Opens gateway.db and ledger.db, and what is taken from them. Throws DatabaseError. */
export function openTill({ home, priceOf, ledgerDays, nowMs, log }: TillOptions) {
  const keys = new GatewayKeys(home);
  const ledger = openLedger(keys, home, { priceOf, log });
  const retention = new LedgerRetention(ledger.database, { days: ledgerDays, nowMs, log });
  retention.start();
  keys.watch();
  const accounts = new KeyAccounts((keyId) => ledger.historyOf(keyId));
  const book = (keyId: string, nanoUsd: number, atMs: number) => ledger.book(keyId, nanoUsd, atMs);
  const till = new LocalTill({ accounts, nowMs, book });
  const stop = () => {
    retention.stop();
    ledger.close();
    keys.close();
  };
  return { keys, ledger, accounts, till, stop };
}

function openLedger(keys: GatewayKeys, home: string, parts: { priceOf: PriceOf; log: Logger }) {
  try {
    return new Ledger(home, parts);
  } catch (error) {
    keys.close();
    throw error;
  }
}

function findModels(catalog: ModelCatalog, id: string): readonly CatalogModel[] {
  try {
    return catalog.candidates(id).map(({ target }) => target);
  } catch (error) {
    if (error instanceof GatewayError) return [];
    throw error;
  }
}
