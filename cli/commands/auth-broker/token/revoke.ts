// `agent auth-broker token revoke NAME`: ends a client's token, in a running broker too.

import type { Command } from "commander";
import { ClientTokens } from "#broker";
import { withBrokerErrors } from "../../../broker-errors.ts";
import type { Subcommand } from "../../../command.ts";
import { recordLocally } from "../../../local-audit.ts";
import { withLocalVault } from "../../../local-vault.ts";
import { shownToken } from "./shown-token.ts";

/** `agent auth-broker token revoke`. */
export const revokeTokenSubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("<name>", "the name, not the token itself")
      .option("--json", "print JSON")
      .action((name: string, _: unknown, self: Command) =>
        withBrokerErrors(() =>
          withLocalVault(context, async (vault) => {
            // Ended first: a log that cannot be written must not keep a leaked token alive.
            const revoked = new ClientTokens(vault.file).revoke(name);
            const { json } = self.optsWithGlobals<{ json?: boolean }>();
            context.stdout(
              json
                ? `${JSON.stringify(shownToken(revoked))}\n`
                : `Revoked ${name}. A running broker refuses it from now on; its open streams end within a second.\n`,
            );
            const target = `${name}#${revoked.id}`;
            await recordLocally(context, vault, { action: "token.revoke", target });
          }),
        ),
      );
  },
};
