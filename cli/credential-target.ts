// Where a new credential goes: the configured broker, else the vault of this host.
// Refuses late surprises: that it can be stored is known before anyone logs in.

import { credentialsTarget, type Vault } from "#broker";
import type { Credential } from "#wire";
import { BrokerClient, BrokerRefused, resolveBrokerConnection } from "#broker/client";
import type { Config } from "#platform";
import type { CommandContext } from "./command.ts";
import { recordOrWarn } from "./local-audit.ts";
import { withLocalVault } from "./local-vault.ts";

/** A place for credentials. */
export interface CredentialTarget {
  /** In words, to follow "in". */
  readonly place: string;
  store(provider: string, credential: Credential): Promise<void>;
}

/** Opens the place that the configuration names, for the length of one use. Throws what opening it throws. */
export async function withCredentialTarget<T>(
  context: CommandContext,
  config: Config,
  use: (target: CredentialTarget) => Promise<T>,
): Promise<T> {
  const connection = await resolveBrokerConnection(config, context.env);
  if (connection === undefined) {
    const local = (vault: Vault) => use(localTarget(vault, context));
    return withLocalVault(context, local, { config });
  }
  const client = new BrokerClient(connection);
  await checkToken(client);
  return use({
    place: `the broker at ${client.url}`,
    store: async (provider, credential) => void (await client.putCredential(provider, credential)),
  });
}

function localTarget(vault: Vault, context: CommandContext): CredentialTarget {
  return {
    place: "the vault of this host",
    store: async (provider, credential) => {
      const { id } = vault.upsert(provider, credential);
      const target = credentialsTarget([{ id, provider }]);
      await recordOrWarn(context, vault, { action: "credential.login", target });
    },
  };
}

// A wrong token must show before the login: a grant that cannot be stored is lost. A token may write without
// being allowed to read, so that refusal says nothing.
async function checkToken(client: BrokerClient): Promise<void> {
  try {
    await client.fetchSnapshot();
  } catch (error) {
    if (!(error instanceof BrokerRefused)) throw error;
  }
}
