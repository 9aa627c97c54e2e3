// A stored OAuth grant, and the keyed hash by which attempts name the refresh token that they use.

import type { OAuthCredential } from "#wire";
import type { StoredCredential, Vault } from "../vault/vault.ts";

/** A stored credential that is an OAuth grant. */
export interface Grant extends StoredCredential {
  readonly credential: OAuthCredential;
}

/** The credential as a grant; undefined when it is none. */
export function grantOf(stored: StoredCredential | undefined): Grant | undefined {
  return stored?.credential.type === "oauth"
    ? { ...stored, credential: stored.credential }
    : undefined;
}

/** Equal for equal refresh tokens, and worthless without the vault. */
export function grantTag(vault: Vault, { credential }: Grant): Uint8Array {
  return vault.file.index.fingerprint(credential.refresh);
}

/** Whether two keyed hashes are there and equal. */
export function isSameTag(a: Uint8Array | null | undefined, b: Uint8Array): boolean {
  return a != null && Buffer.compare(a, b) === 0;
}
