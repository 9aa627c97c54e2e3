// `agent auth-broker token`: prints the owner's bearer, or makes a new one; those of clients are subcommands.

import { BROKER_TOKEN_PREFIX } from "#broker";
import { brokerTokenPath } from "#broker/client";
import { homeDirectory, readOrCreateToken, rotateToken } from "#platform";
import { addSubcommands, type CommandContext, type Subcommand } from "../../command.ts";
import { recordLocally } from "../../local-audit.ts";
import { withLocalVaultIfAny } from "../../local-vault.ts";
import { tokenSubcommands } from "./token/index.ts";

interface TokenOptions {
  readonly json?: boolean;
  readonly regenerate?: boolean;
}

const EXAMPLES = `
Without a subcommand: the owner's token, which may do everything. For anybody else make one that may do less:
  token create --name ci --allow snapshot,refresh --providers openai,anthropic --expires 30d
  token list
  token revoke ci`;

/** `agent auth-broker token`. */
export const tokenSubcommand: Subcommand = {
  async register(command, context) {
    command
      .option(
        "--regenerate",
        "make a new one; every client needs it then, a running broker a restart",
      )
      .option("--json", "print JSON")
      .addHelpText("after", EXAMPLES)
      .action(async ({ json, regenerate }: TokenOptions) => {
        const path = brokerTokenPath(homeDirectory(context.env));
        const token = (regenerate ? rotateToken : readOrCreateToken)(path, BROKER_TOKEN_PREFIX);
        context.stdout(json ? `${JSON.stringify({ token, path })}\n` : `${token}\n`);
        if (regenerate) await tellOfRegeneration(context);
      });
    await addSubcommands(command, tokenSubcommands, context);
  },
};

// A token that leaked must be replaceable even when the log is not to be written, so this comes after, and warns.
async function tellOfRegeneration(context: CommandContext): Promise<void> {
  context.stderr("A broker that is running accepts the old token until it is restarted.\n");
  try {
    await withLocalVaultIfAny(context, async (vault) => {
      if (vault)
        await recordLocally(context, vault, { action: "token.regenerate", target: "owner" });
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.stderr(`This is not in the audit log: ${reason}\n`);
  }
}
