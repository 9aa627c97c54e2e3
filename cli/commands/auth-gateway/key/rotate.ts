// `agent auth-gateway key rotate NAME`: a new secret for a key, printed once.

import type { Subcommand } from "../../../command.ts";
import { withKeys } from "./with-keys.ts";

/** `agent auth-gateway key rotate`. */
export const rotateKeySubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("<name>", "name or id of the key")
      .option("--json", "print JSON")
      .action((name: string, { json }: { json?: boolean }) =>
        withKeys(context, (keys) => {
          const { secret, key } = keys.rotate(name);
          context.stdout(json ? `${JSON.stringify({ secret, ...key })}\n` : `${secret}\n`);
          context.stderr("Keep it now: it is not shown again. The old one has ended.\n");
        }),
      );
  },
};
