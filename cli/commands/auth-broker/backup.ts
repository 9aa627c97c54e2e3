// `agent auth-broker backup FILE`: one encrypted file that holds the whole vault.

import { backUp } from "#broker";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { Subcommand } from "../../command.ts";
import { recordLocally } from "../../local-audit.ts";
import { choosePassphrase, withLocalVault } from "../../local-vault.ts";

const HELP = `
Without --passphrase only this vault's own key opens the backup: keep a copy of the key elsewhere, or the
backup is of no use when this machine is gone. With it, the passphrase is all that is needed.
A broker may run meanwhile. A restored backup starts in quarantine: see \`restore --help\`.`;

/** `agent auth-broker backup`. */
export const backupSubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("<file>", "where to write it; must not exist")
      .option("--passphrase", "seal it by a passphrase that you choose now")
      .option("--json", "print JSON")
      .addHelpText("after", HELP)
      .action((path: string, options: { passphrase?: boolean; json?: boolean }) =>
        withBrokerErrors(async () => {
          const passphrase = options.passphrase ? await choosePassphrase() : undefined;
          const bytes = await withLocalVault(context, async (vault) => {
            await recordLocally(context, vault, { action: "vault.backup", target: path });
            return backUp(vault, path, { passphrase });
          });
          context.stdout(
            options.json
              ? `${JSON.stringify({ path, bytes })}\n`
              : `Wrote ${path} (${bytes} bytes, encrypted).\n`,
          );
        }),
      );
  },
};
