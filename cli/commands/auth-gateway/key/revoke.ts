// `agent auth-gateway key revoke NAME`: ends a key.

import type { Subcommand } from "../../../command.ts";
import { withKeys } from "./with-keys.ts";

/** `agent auth-gateway key revoke`. */
export const revokeKeySubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("<name>", "name or id, not the key itself")
      .option("--json", "print JSON")
      .action((name: string, { json }: { json?: boolean }) =>
        withKeys(context, (keys) => {
          const key = keys.revoke(name);
          const text = `Revoked ${key.name}. A running gateway refuses it within a second.\n`;
          context.stdout(json ? `${JSON.stringify(key)}\n` : text);
        }),
      );
  },
};
