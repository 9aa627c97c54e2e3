// What `agent auth-broker list` shows: the rows of the vault and the keys the environment offers.
// Refuses to create anything: a home without a vault simply has no stored credential.

import { existsSync } from "node:fs";
import { type Environment, homeDirectory } from "#platform";
import { environmentKeys } from "./environment-keys.ts";
import type { ProviderRegistry } from "./oauth/registry.ts";
import { type CredentialSummary, Vault } from "./vault/vault.ts";
import { vaultPath } from "./vault/vault-file.ts";

/** One line of the listing; it holds no secret. */
export interface ListedCredential {
  /** The vault's id; null for what the environment offers. */
  readonly id: number | null;
  readonly provider: string;
  readonly type: string;
  readonly identityKey: string | null;
  readonly status: "active" | "disabled" | "offered";
  readonly source: "vault" | "environment";
  /** The environment variable that offers it; null for a row of the vault. */
  readonly variable: string | null;
}

/** Stored credentials first, then offered ones. Throws what opening the vault throws. */
export function listCredentials(env: Environment, registry: ProviderRegistry): ListedCredential[] {
  const offered = environmentKeys(env, registry).map(
    ({ provider, variable }): ListedCredential => ({
      id: null,
      provider,
      type: "api_key",
      identityKey: null,
      status: "offered",
      source: "environment",
      variable,
    }),
  );
  return [...storedRows(homeDirectory(env)).map(listed), ...offered];
}

function storedRows(home: string): CredentialSummary[] {
  if (!existsSync(vaultPath(home))) return [];
  const vault = Vault.open(home);
  try {
    return vault.list();
  } finally {
    vault.close();
  }
}

function listed({ id, provider, type, identityKey, disabledAtMs }: CredentialSummary) {
  const status = disabledAtMs === null ? "active" : "disabled";
  return { id, provider, type, identityKey, status, source: "vault", variable: null } as const;
}
