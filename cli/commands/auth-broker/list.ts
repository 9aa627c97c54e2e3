// `agent auth-broker list`: what the vault of this host holds and the environment offers, without secrets.

import {
  authBrokerUrl,
  type ListedCredential,
  listCredentials,
  brokerBind,
  openRegistry,
} from "#broker";
import type { Config } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { Subcommand } from "../../command.ts";
import { columns } from "../../table.ts";

/** `agent auth-broker list`. */
export const listSubcommand: Subcommand = {
  register(command, context) {
    command.option("--json", "print JSON").action(({ json }: { json?: boolean }) =>
      withBrokerErrors(() => {
        const listed = listCredentials(context.env, openRegistry(context.loadConfig()));
        if (json) return context.stdout(`${JSON.stringify(listed)}\n`);
        const config = context.loadConfig();
        context.stdout(listed.length === 0 ? nothingStored(config) : listingTable(listed));
        const remote = config.get(authBrokerUrl);
        if (remote !== "") context.stderr(remoteHint(remote));
        if (listed.some(({ source }) => source === "environment")) context.stderr(OFFERED_HINT);
      }),
    );
  },
};

function remoteHint(url: string): string {
  return `This is the vault of this host. auth.broker.url is set, so a gateway here asks ${url} instead;\n\`agent auth-broker status\` says whether that broker answers.\n`;
}

function nothingStored(config: Config): string {
  return `No credentials yet. Two ways to add one:

  1. For one run, never stored: set the provider's variable, then start.
       ANTHROPIC_API_KEY=... agent up

  2. In the vault, while a broker runs (the key stays out of your shell history):
       read -rs KEY && printf '{"provider":"anthropic","credential":{"type":"api_key","key":"%s"}}' "$KEY" |
         curl -s -o /dev/null -w 'HTTP %{http_code}\\n' http://${config.get(brokerBind)}/v1/credential \\
           -H "Authorization: Bearer $(agent auth-broker token)" -d @-
`;
}

const OFFERED_HINT =
  "Keys marked `offered` are used by `agent up` where the vault has none; they are not in the vault.\n";

function listingTable(listed: readonly ListedCredential[]): string {
  const rows = listed.map(({ id, provider, type, identityKey, status, source, variable }) => [
    id === null ? "-" : String(id),
    provider,
    type,
    identityKey ?? "-",
    status,
    variable === null ? source : `$${variable}`,
  ]);
  return columns([["ID", "PROVIDER", "TYPE", "IDENTITY", "STATUS", "SOURCE"], ...rows]);
}
