// What a consumer of credentials sees of any vault, near or far: the active ones of a provider.
// Refuses refresh tokens: those never leave the broker, so here they are always the redaction mark.

import type { Credential } from "#wire";

/** Hands out credentials; cheap enough to be asked once per request. */
export interface CredentialSource {
  /** The active credentials of a provider, oldest first; empty when there is none. */
  credentials(provider: string): readonly Credential[];
}

/** Groups credentials by provider, keeping their order. */
export function byProvider(
  entries: readonly { readonly provider: string; readonly credential: Credential }[],
): ReadonlyMap<string, readonly Credential[]> {
  const groups = Map.groupBy(entries, (entry) => entry.provider);
  return new Map([...groups].map(([id, group]) => [id, group.map((entry) => entry.credential)]));
}
