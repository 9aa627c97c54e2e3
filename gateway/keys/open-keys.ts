// Keys and money of a gateway that starts: who is let in, by which rules, and where it is written down.

import type { Logger } from "#platform";
import { Ledger } from "../ledger/ledger.ts";
import type { CatalogModel, ModelCatalog } from "../models/catalog.ts";
import { GatewayError } from "../errors.ts";
import { type Authenticate, OWNER } from "../pipeline/caller.ts";
import type { Settlement } from "../pipeline/settlement.ts";
import type { PriceOf } from "../pricing/prices.ts";
import { GatewayKeys } from "./gateway-keys.ts";
import { KeyAccounts } from "./key-accounts.ts";
import { KeyAdmission } from "./key-admission.ts";
import { Policy } from "./policy.ts";
import type { PolicyRule } from "./policy-rules.ts";

/** What they are opened with. */
export interface OpenKeysOptions {
  readonly home: string;
  readonly catalog: ModelCatalog;
  readonly rules: readonly PolicyRule[];
  readonly priceOf: PriceOf;
  readonly isOwner: (candidate: string) => boolean;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** Opens gateway.db and ledger.db. Throws DatabaseError. */
export function openKeys({ home, catalog, rules, priceOf, isOwner, nowMs, log }: OpenKeysOptions) {
  const keys = new GatewayKeys(home);
  const ledger = openLedger(keys, home, { priceOf, log });
  keys.watch();
  const accounts = new KeyAccounts((keyId) => ledger.historyOf(keyId));
  const policy = new Policy(rules, { find: (id) => findModels(catalog, id) });
  const authenticate: Authenticate = (candidate) => {
    if (isOwner(candidate)) return OWNER;
    return keys.authenticate(candidate);
  };
  const book = (keyId: string, nanoUsd: number, atMs: number) => ledger.book(keyId, nanoUsd, atMs);
  return {
    keys,
    ledger,
    accounts,
    authenticate,
    policy,
    admission: new KeyAdmission({
      policy,
      isCurrent: (caller) => keys.isCurrent(caller),
      accounts,
      priceOf,
      nowMs,
      book,
    }),
    observe: (settlement: Settlement) => ledger.record(settlement),
    stop: () => {
      ledger.close();
      keys.close();
    },
  };
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
