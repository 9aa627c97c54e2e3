// The vault of this host, for the length of one command; asks for its passphrase where it needs one.

import { existsSync } from "node:fs";
import { openVault, type Vault, vaultPath } from "#broker";
import { type Config, homeDirectory, type Secret } from "#platform";
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

/** The same, but a home without a vault gets none: looking must not make one. */
export async function withLocalVaultIfAny<T>(
  context: CommandContext,
  use: (vault: Vault | undefined) => T | Promise<T>,
  options: { config?: Config } = {},
): Promise<T> {
  if (existsSync(vaultPath(homeDirectory(context.env)))) {
    return withLocalVault(context, use, options);
  }
  return use(undefined);
}

/** The way to ask for the vault's passphrase; empty where nobody can be asked. */
export function passphraseAsker(): {
  askPassphrase?: (options: { isNew: boolean }) => Promise<Secret>;
} {
  return canAsk() ? { askPassphrase } : {};
}

async function askPassphrase({ isNew }: { isNew: boolean }): Promise<Secret> {
  return isNew ? choosePassphrase() : askSecret("Vault passphrase: ");
}

/** Asks for a new passphrase, twice. Throws CliError when the two differ. */
export async function choosePassphrase(): Promise<Secret> {
  const first = await askSecret("New passphrase: ");
  const second = await askSecret("Once more: ");
  if (first.reveal() === second.reveal()) return first;
  throw new CliError("passphrase_mismatch", "the two passphrases differ; nothing was changed");
}
