// Opens the vault of a home directory with the key that the configuration names.
// Refuses a key that stands in a configuration file beside the vault it opens.

import { type Config, type Environment, homeDirectory, type Secret } from "#platform";
import { vaultKey, vaultPassphrase } from "../config.ts";
import { resolveSecretSetting, type RunCommand } from "../config-value.ts";
import { MasterKeyError } from "../errors.ts";
import { keySources } from "./key-sources/index.ts";
import type { KeySource, KeySourceWorld } from "./key-sources/key-source.ts";
import { literalKey } from "./key-sources/literal.ts";
import type { MasterKeySource, NextKey } from "./master-key.ts";
import { Vault } from "./vault.ts";

/** What opening a vault needs beside its configuration. */
export interface OpenVaultOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly nowMs?: (() => number) | undefined;
  /** Asks a person for the passphrase; absent where nobody sits at a terminal. */
  readonly askPassphrase?: ((options: { isNew: boolean }) => Promise<Secret>) | undefined;
  /** Asks for a new key that the operator brings. */
  readonly askNewKey?: (() => Promise<Secret>) | undefined;
  readonly run?: RunCommand;
}

/** Opens the vault. Throws MasterKeyError, SealBroken, DatabaseError, ConfigValueError. */
export async function openVault(options: OpenVaultOptions): Promise<Vault> {
  const { env, nowMs } = options;
  const masterKey = await openMasterKey(options);
  return Vault.open(homeDirectory(env), { nowMs, masterKey });
}

/** The current key of the vault, from wherever `vault.key` says. Throws MasterKeyError. */
export async function openMasterKey(options: OpenVaultOptions): Promise<MasterKeySource> {
  const { config } = options;
  const setting = config.get(vaultKey);
  const source = sourceOf(setting);
  const { layer, path } = config.source(vaultKey);
  if (source.id === "env" && layer !== "env") {
    throw new MasterKeyError("vault_key_in_file", `${path ?? layer} holds the vault's key itself`, {
      fix: "Put it into PARLEY_VAULT_KEY, or into a file elsewhere with vault.key: '!cat /path'.",
    });
  }
  return source.open(setting, worldOf(options));
}

/** A new key, kept wherever `setting` (a value of `vault.key`, or `env`) says. Throws MasterKeyError. */
export async function prepareNextKey(setting: string, options: OpenVaultOptions): Promise<NextKey> {
  const source = setting === "env" ? literalKey : sourceOf(setting);
  const { askPassphrase } = options;
  // The configured passphrase is the old one: where a person can be asked, they choose the new one.
  return source.prepare(setting, {
    ...worldOf(options),
    ...(askPassphrase && { passphrase: askPassphrase }),
  });
}

function sourceOf(setting: string): KeySource {
  const source = keySources.find((each) => each.accepts(setting));
  if (source) return source;
  const known = keySources.map(({ id }) => id).join(", ");
  throw new MasterKeyError("vault_key_invalid", `this is none of the key sources ${known}`);
}

function worldOf(options: OpenVaultOptions): KeySourceWorld {
  const { env, run, askNewKey } = options;
  return {
    home: homeDirectory(env),
    env,
    passphrase: (ask) => passphrase(options, ask),
    newKey: () => (askNewKey ?? nobodyToAsk)(),
    ...(run && { run }),
  };
}

async function passphrase(
  { config, env, run, askPassphrase }: OpenVaultOptions,
  ask: { isNew: boolean },
): Promise<Secret> {
  const configured = await resolveSecretSetting(config, vaultPassphrase, env, run ? { run } : {});
  if (configured) return configured;
  return (askPassphrase ?? nobodyToAsk)(ask);
}

async function nobodyToAsk(): Promise<never> {
  throw new MasterKeyError("passphrase_missing", "the vault's passphrase is not known here", {
    fix: "Set PARLEY_VAULT_PASSPHRASE or vault.passphrase (a !command keeps it out of the file), or start in a terminal.",
  });
}
