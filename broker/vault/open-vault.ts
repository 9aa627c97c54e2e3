// Opens the vault of a home directory with the key that the configuration names.
// Refuses a key that stands in a configuration file beside the vault it opens.

import { type Config, type Environment, homeDirectory, type Secret } from "#platform";
import { vaultKey, vaultPassphrase } from "../config.ts";
import { resolveSecretSetting, type RunCommand } from "../config-value.ts";
import { MasterKeyError } from "../errors.ts";
import { keySources } from "./key-sources/index.ts";
import type { KeySourceWorld } from "./key-sources/key-source.ts";
import type { MasterKeySource } from "./master-key.ts";
import { Vault } from "./vault.ts";

/** What opening a vault needs beside its configuration. */
export interface OpenVaultOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly nowMs?: (() => number) | undefined;
  /** Asks a person for the passphrase; absent where nobody sits at a terminal. */
  readonly askPassphrase?: ((options: { isNew: boolean }) => Promise<Secret>) | undefined;
  readonly run?: RunCommand;
}

/** Opens the vault. Throws MasterKeyError, SealBroken, DatabaseError, ConfigValueError. */
export async function openVault(options: OpenVaultOptions): Promise<Vault> {
  const { config, env, nowMs } = options;
  const masterKey = await openKeySource(config.get(vaultKey), options);
  return Vault.open(homeDirectory(env), { nowMs, masterKey });
}

/** The source that a value of `vault.key` names. Throws MasterKeyError. */
export async function openKeySource(
  setting: string,
  options: OpenVaultOptions,
): Promise<MasterKeySource> {
  const { config, env, run } = options;
  const source = keySources.find((each) => each.accepts(setting));
  if (!source) {
    const known = keySources.map(({ id }) => id).join(", ");
    throw new MasterKeyError("vault_key_invalid", `vault.key names none of ${known}`);
  }
  const { layer, path } = config.source(vaultKey);
  if (source.id === "env" && setting === config.get(vaultKey) && layer !== "env") {
    throw new MasterKeyError("vault_key_in_file", `${path ?? layer} holds the vault's key itself`, {
      fix: "Put it into PARLEY_VAULT_KEY, or into a file elsewhere with vault.key: '!cat /path'.",
    });
  }
  const world: KeySourceWorld = {
    home: homeDirectory(env),
    env,
    passphrase: (ask) => passphrase(options, ask),
    ...(run && { run }),
  };
  return source.open(setting, world);
}

async function passphrase(
  { config, env, run, askPassphrase }: OpenVaultOptions,
  ask: { isNew: boolean },
): Promise<Secret> {
  const configured = await resolveSecretSetting(config, vaultPassphrase, env, run ? { run } : {});
  if (configured) return configured;
  if (askPassphrase) return askPassphrase(ask);
  throw new MasterKeyError("passphrase_missing", "the vault's passphrase is not known here", {
    fix: "Set PARLEY_VAULT_PASSPHRASE or vault.passphrase (a !command keeps it out of the file), or start in a terminal.",
  });
}
