// Who a request comes from, once its token has proved it; everything the routes need to decide and to record.

import { PERMISSIONS, type Permission, ProviderScope } from "./permissions.ts";

/** The holder of a token. */
export interface Principal {
  readonly tokenId: number | "owner";
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly scope: ProviderScope;
  /** Gets access tokens for minutes, and no API keys for good where the provider allows it. */
  readonly isLeaseOnly: boolean;
  /** Ms since the epoch; null for a token without end. */
  readonly expiresAtMs: number | null;
}

/** Whoever can read the token file of this host could read the vault too: there is nothing to withhold. */
export const OWNER: Principal = {
  tokenId: "owner",
  name: "owner",
  permissions: PERMISSIONS,
  scope: ProviderScope.all,
  isLeaseOnly: false,
  expiresAtMs: null,
};

/** How the audit log names a principal: `owner`, or a token by name and number, as names may be reused. */
export function actorOf({ tokenId, name }: Principal): string {
  return tokenId === "owner" ? "owner" : `${name}#${tokenId}`;
}
