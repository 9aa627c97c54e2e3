// `agent auth-broker token list`: the tokens of clients of this host's broker, without the tokens.

import type { Command } from "commander";
import { ClientTokens, type ClientTokenSummary } from "#broker";
import { withBrokerErrors } from "../../../broker-errors.ts";
import type { Subcommand } from "../../../command.ts";
import { withLocalVaultIfAny } from "../../../local-vault.ts";
import { columns, shortTime } from "../../../table.ts";
import { shownToken } from "./shown-token.ts";

/** `agent auth-broker token list`. */
export const listTokensSubcommand: Subcommand = {
  register(command, context) {
    command.option("--json", "print JSON").action((_: unknown, self: Command) =>
      withBrokerErrors(async () => {
        const { json } = self.optsWithGlobals<{ json?: boolean }>();
        const tokens = await withLocalVaultIfAny(context, (vault) =>
          vault ? new ClientTokens(vault.file).list() : [],
        );
        if (json) return context.stdout(`${JSON.stringify(tokens.map(shownToken))}\n`);
        context.stdout(tokens.length === 0 ? NONE : tokensTable(tokens));
        if (tokens.some(({ status }) => status === "altered")) context.stderr(ALTERED);
      }),
    );
  },
};

const NONE = `No client has a token of its own. To make one:
  agent auth-broker token create --name ci --allow snapshot,refresh --expires 30d
`;

const ALTERED =
  "`altered`: that row of vault.db is not as it was written, and its token is refused. Revoke it, and find out why.\n";

function tokensTable(tokens: readonly ClientTokenSummary[]): string {
  const rows = tokens.map((token) => [
    token.name,
    token.status,
    token.permissions.join(","),
    token.providers.join(",") + (token.isLeaseOnly ? " (leases only)" : ""),
    token.expiresAtMs === null ? "never" : shortTime(token.expiresAtMs),
    token.lastUsedAtMs === null ? "never" : shortTime(token.lastUsedAtMs),
  ]);
  return columns([["NAME", "STATUS", "ALLOW", "PROVIDERS", "EXPIRES", "LAST USED"], ...rows]);
}
