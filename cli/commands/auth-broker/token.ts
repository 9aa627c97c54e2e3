// `agent auth-broker token`: prints the bearer that this host's broker expects, or makes a new one.

import { BROKER_TOKEN_PREFIX } from "#broker";
import { brokerTokenPath } from "#broker/client";
import { homeDirectory, readOrCreateToken, rotateToken } from "#platform";
import type { Subcommand } from "../../command.ts";

interface TokenOptions {
  readonly json?: boolean;
  readonly regenerate?: boolean;
}

/** `agent auth-broker token`. */
export const tokenSubcommand: Subcommand = {
  register(command, context) {
    command
      .option(
        "--regenerate",
        "make a new one; every client needs it then, a running broker a restart",
      )
      .option("--json", "print JSON")
      .action(({ json, regenerate }: TokenOptions) => {
        const path = brokerTokenPath(homeDirectory(context.env));
        const token = (regenerate ? rotateToken : readOrCreateToken)(path, BROKER_TOKEN_PREFIX);
        context.stdout(json ? `${JSON.stringify({ token, path })}\n` : `${token}\n`);
        if (regenerate) {
          context.stderr("A broker that is running accepts the old token until it is restarted.\n");
        }
      });
  },
};
