// One way to serve a request: a model of an upstream, and an account of its provider.

import type { CatalogModel } from "../models/catalog.ts";
import type { Account } from "../pipeline/lease.ts";

/** One way to serve a request. */
export interface Way {
  readonly target: CatalogModel;
  readonly account: Account;
  /** Lower goes first. */
  readonly priority: number;
  readonly weight: number;
}

/** The key under which an account and model are remembered. */
export function modelKey({ target, account }: Way): string {
  return `${account.key} ${target.model.id}`;
}

/** How a way is called in the trail of a request. */
export function nameOf({ target, account: { source, credentialId } }: Way): string {
  return `${target.id} with key ${credentialId === undefined ? source : `${source} ${credentialId}`}`;
}
