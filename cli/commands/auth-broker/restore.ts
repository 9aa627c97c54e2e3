// `agent auth-broker restore FILE` and `unquarantine`: bring a backup back, and let it refresh again.

import { openMasterKey, restore, setForeignAuditAside } from "#broker";
import { homeDirectory } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { recordOrWarn } from "../../local-audit.ts";
import { askSecret } from "../../terminal.ts";
import { passphraseAsker, withLocalVault } from "../../local-vault.ts";

const HELP = `
The restored vault is in quarantine: nothing is refreshed. A provider that gives out a new refresh token with
each refresh takes an old one for theft and revokes the account's whole grant, so:

  1. make sure that no other broker runs on this vault any more;
  2. if accounts were refreshed after the backup was made, log in to them again;
  3. agent auth-broker unquarantine

Client tokens come back as they were: revoke again those that you had revoked since.`;

interface RestoreOptions {
  readonly replace?: boolean;
  readonly json?: boolean;
}

/** `agent auth-broker restore`. */
export const restoreSubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("<file>", "a backup made by `agent auth-broker backup`")
      .option("--replace", "move the vault that is there aside; it is kept")
      .option("--json", "print JSON")
      .addHelpText("after", HELP)
      .action((path: string, options: RestoreOptions) =>
        withBrokerErrors(() => bringBack(context, path, options)),
      );
  },
};

async function bringBack(
  context: CommandContext,
  path: string,
  { replace = false, json }: RestoreOptions,
): Promise<void> {
  const { env } = context;
  const config = context.loadConfig();
  const masterKey = await openMasterKey({ config, env, ...passphraseAsker() });
  const passphrase = () => askSecret("Passphrase of the backup: ");
  const restored = await restore(path, {
    home: homeDirectory(env),
    masterKey,
    passphrase,
    replace,
  });
  const auditMovedTo = await withLocalVault(context, async (vault) => {
    const aside = setForeignAuditAside(homeDirectory(env), { index: vault.file.index });
    await recordOrWarn(context, vault, { action: "vault.restore", target: path });
    return aside;
  });
  if (json) return context.stdout(`${JSON.stringify(restored)}\n`);
  const { credentials, createdAtMs, movedTo } = restored;
  const when = new Date(createdAtMs).toISOString();
  context.stdout(`Restored ${credentials} credentials from a backup of ${when}.\n`);
  if (movedTo) context.stdout(`The vault that was there is now ${movedTo}.\n`);
  if (auditMovedTo) {
    context.stdout(`The audit log is not this vault's; it is kept as ${auditMovedTo}.\n`);
  }
  context.stderr(
    "It is in quarantine: nothing is refreshed until `agent auth-broker unquarantine`.\n",
  );
}

/** `agent auth-broker unquarantine`. */
export const unquarantineSubcommand: Subcommand = {
  register(command, context) {
    command.option("--json", "print JSON").action(({ json }: { json?: boolean }) =>
      withBrokerErrors(async () => {
        const wasQuarantined = await withLocalVault(context, async (vault) => {
          const wasQuarantined = vault.unquarantine();
          await recordOrWarn(context, vault, { action: "vault.unquarantine" });
          return wasQuarantined;
        });
        if (json) return context.stdout(`${JSON.stringify({ wasQuarantined })}\n`);
        context.stdout(
          wasQuarantined
            ? "Credentials of this vault are refreshed again.\n"
            : "The vault was not in quarantine.\n",
        );
      }),
    );
  },
};
