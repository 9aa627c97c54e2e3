// The vault of this host, for the length of one command; asks for its passphrase where it needs one.

import { openVault, type Vault } from "#broker";
import type { Config, Secret } from "#platform";
import { CliError } from "./cli-error.ts";
import type { CommandContext } from "./command.ts";
import { askSecret, canAsk } from "./terminal.ts";

/** Opens the vault of this host, runs, and closes it. Throws what opening it throws. */
export async function withLocalVault<T>(
  context: CommandContext,
  use: (vault: Vault) => T | Promise<T>,
  { config = context.loadConfig() }: { config?: Config } = {},
): Promise<T> {
  const vault = await openVault({ config, env: context.env, ...passphraseAsker() });
  try {
    return await use(vault);
  } finally {
    vault.close();
  }
}

/** The way to ask for the vault's passphrase; empty where nobody can be asked. */
export function passphraseAsker(): {
  askPassphrase?: (options: { isNew: boolean }) => Promise<Secret>;
} {
  return canAsk() ? { askPassphrase } : {};
}

/** Asks for a passphrase, twice when a new one is being chosen. */
async function askPassphrase({ isNew }: { isNew: boolean }): Promise<Secret> {
  const first = await askSecret(isNew ? "New vault passphrase: " : "Vault passphrase: ");
  if (!isNew) return first;
  const second = await askSecret("Once more: ");
  if (first.reveal() === second.reveal()) return first;
  throw new CliError("passphrase_mismatch", "the two passphrases differ; nothing was changed");
}
