// What `agent auth-broker list` shows: every provider, with what the vault holds and the environment offers of it.
// Refuses to create anything: a home without a vault simply has no stored credential. Holds no secret.

import { existsSync } from "node:fs";
import { type Config, type Environment, homeDirectory } from "#platform";
import { environmentKeys } from "./environment-keys.ts";
import type { OAuthRules } from "./oauth/descriptor.ts";
import { openRegistry, type RegisteredProvider } from "./oauth/registry.ts";
import { openVault } from "./vault/open-vault.ts";
import { vaultPath } from "./vault/vault-file.ts";

/** A way to get a credential; `key` is a browser round trip that ends in an API key. */
export type LoginWay = "api_key" | "browser" | "device" | "key";

/** One row of the vault; times in ms since the epoch. */
export interface ListedCredential {
  readonly id: number;
  readonly type: string;
  readonly identityKey: string | null;
  readonly status: "active" | "disabled";
  readonly disabledCause: string | null;
  readonly disabledAtMs: number | null;
  /** When the access token ends; null for keys and for what is disabled. */
  readonly expiresAtMs: number | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** A provider and what is there of it. */
export interface ListedProvider {
  readonly id: string;
  readonly name: string;
  /** `unknown`: the vault has its credentials, but nothing describes it. */
  readonly origin: RegisteredProvider["origin"] | "unknown";
  /** What the provider permits of its login; null where it has none. */
  readonly policy: OAuthRules["policy"] | null;
  readonly login: readonly LoginWay[];
  /** Where the browser comes back to; null where none does, 0 for any free port. */
  readonly callbackPort: number | null;
  /** The environment variable that offers a key now, else null. */
  readonly offeredBy: string | null;
  readonly credentials: readonly ListedCredential[];
}

/** Every registered provider, then those that only the vault knows. Throws what opening the vault throws. */
export async function listProviders(config: Config, env: Environment): Promise<ListedProvider[]> {
  const registry = openRegistry(config);
  const stored = Map.groupBy(await storedRows(config, env), ({ provider }) => provider);
  const offered = new Map(
    environmentKeys(env, registry).map(({ provider, variable }) => [provider, variable]),
  );
  const registered = registry.all().map((provider) => ({
    ...described(provider),
    offeredBy: offered.get(provider.descriptor.id) ?? null,
    credentials: (stored.get(provider.descriptor.id) ?? []).map(({ listed }) => listed),
  }));
  const unknown = [...stored]
    .filter(([id]) => registry.find(id) === undefined)
    .map(([id, rows]) =>
      undescribed(
        id,
        rows.map(({ listed }) => listed),
      ),
    );
  return [...registered, ...unknown];
}

function described({ descriptor, origin }: RegisteredProvider) {
  const { id, name, apiKey, oauth } = descriptor;
  const flow = oauth?.flow;
  const login: LoginWay[] = [
    ...(apiKey ? (["api_key"] as const) : []),
    ...(flow ? [WAYS[flow.kind]] : []),
  ];
  const callbackPort = flow && flow.kind !== "device" ? flow.redirect.port : null;
  return { id, name, origin, policy: oauth?.policy ?? null, login, callbackPort };
}

const WAYS = { code: "browser", device: "device", key: "key" } as const;

function undescribed(id: string, credentials: readonly ListedCredential[]): ListedProvider {
  const nothing = { policy: null, login: [], callbackPort: null, offeredBy: null } as const;
  return { id, name: id, origin: "unknown", ...nothing, credentials };
}

async function storedRows(
  config: Config,
  env: Environment,
): Promise<{ provider: string; listed: ListedCredential }[]> {
  if (!existsSync(vaultPath(homeDirectory(env)))) return [];
  const vault = await openVault({ config, env });
  try {
    const active = vault.read().credentials;
    const ends = new Map(
      active.map(({ id, credential }) => [
        id,
        credential.type === "oauth" ? credential.expires : null,
      ]),
    );
    return vault.list().map(({ provider, ...row }) => {
      const status = row.disabledAtMs === null ? "active" : "disabled";
      return { provider, listed: { ...row, status, expiresAtMs: ends.get(row.id) ?? null } };
    });
  } finally {
    vault.close();
  }
}
