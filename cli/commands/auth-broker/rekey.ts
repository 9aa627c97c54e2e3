// `agent auth-broker rekey`: moves the vault to another master key, or to another place for it.

import { prepareNextKey, rekey, vaultKey } from "#broker";
import {
  type Config,
  type Environment,
  homeConfigFile,
  homeDirectory,
  setInConfigFile,
} from "#platform";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { recordOrWarn } from "../../local-audit.ts";
import { passphraseAsker, withLocalVault } from "../../local-vault.ts";
import { askSecret } from "../../terminal.ts";

const HELP = `
Where to (--to), the place it is in now when not given:
  file          vault.key beside the vault
  passphrase    asked at the start, or PARLEY_VAULT_PASSPHRASE
  '!command'    what a command prints: a KMS, a keyring
  systemd       the service's credential parley-vault-key
  env           a key of yours in PARLEY_VAULT_KEY; you are asked for it now

A broker that is running with a key file follows by itself; with any other source, restart it. Backups made
before open with the key of their time only, unless they were made with a passphrase.`;

/** `agent auth-broker rekey`. */
export const rekeySubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--to <source>", "where the new key is kept")
      .option("--json", "print JSON")
      .addHelpText("after", HELP)
      .action((options: { to?: string; json?: boolean }) =>
        withBrokerErrors(() => moveKey(context, options)),
      );
  },
};

async function moveKey(
  context: CommandContext,
  { to, json }: { to?: string; json?: boolean },
): Promise<void> {
  const { env } = context;
  const config = context.loadConfig();
  const current = config.get(vaultKey);
  const target = to ?? (config.source(vaultKey).layer === "env" ? "env" : current);
  const count = await withLocalVault(
    context,
    async (vault) => {
      const askNewKey = () => askSecret("New vault key (32 random bytes as base64url): ");
      const options = { config, env, askNewKey, ...passphraseAsker() };
      const count = rekey(vault.file, await prepareNextKey(target, options));
      const place = target.startsWith("!") ? "a command" : target;
      await recordOrWarn(context, vault, { action: "vault.rekey", detail: `key in ${place}` });
      return count;
    },
    { config },
  );
  const hints = settle(target, config, context);
  if (json) return context.stdout(`${JSON.stringify({ credentials: count, key: target })}\n`);
  context.stdout(`The vault is sealed by a new key (${target}); it holds ${count} credentials.\n`);
  for (const hint of hints) context.stderr(`${hint}\n`);
}

/** Makes the configuration name the new place, then removes what only the old one needed. */
function settle(target: string, config: Config, { env }: CommandContext): string[] {
  const hints = nameInConfig(target, config, env);
  const home = homeDirectory(env);
  if (target !== "file") rmSync(join(home, "vault.key"), { force: true });
  if (target !== "passphrase") rmSync(join(home, "vault.kdf"), { force: true });
  return hints;
}

function nameInConfig(target: string, config: Config, env: Environment): string[] {
  if (target === "env")
    return ["Start the broker with the new key in PARLEY_VAULT_KEY from now on."];
  const isFromVariable = config.source(vaultKey).layer === "env";
  if (target === config.get(vaultKey) && !isFromVariable) return [];
  setInConfigFile({ path: homeConfigFile(env), key: vaultKey }, target);
  const unset = isFromVariable ? ["Unset PARLEY_VAULT_KEY: it would win over that."] : [];
  return [...unset, `vault.key is now ${target} in ${homeConfigFile(env)}.`];
}
