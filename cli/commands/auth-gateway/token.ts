// `agent auth-gateway token`: prints the key of the gateway's owner, or makes a new one.

import { GATEWAY_TOKEN_PREFIX, gatewayTokenPath } from "#gateway";
import { readOrCreateToken, rotateToken } from "#platform";
import type { CommandContext, Subcommand } from "../../command.ts";

interface TokenOptions {
  readonly json?: boolean;
  readonly regenerate?: boolean;
}

/** `agent auth-gateway token`. */
export const tokenSubcommand: Subcommand = {
  register(command, context) {
    command
      .option(
        "--regenerate",
        "make a new one; every client needs it then, a running gateway a restart",
      )
      .option("--json", 'print {"token":…}')
      .action((options: TokenOptions) => printToken(context, options));
  },
};

function printToken(context: CommandContext, { regenerate, json }: TokenOptions) {
  const path = gatewayTokenPath(context.env);
  const token = regenerate
    ? rotateToken(path, GATEWAY_TOKEN_PREFIX)
    : readOrCreateToken(path, GATEWAY_TOKEN_PREFIX);
  context.stdout(json ? `${JSON.stringify({ token })}\n` : `${token}\n`);
}
