// `agent auth-gateway status`: whether a gateway answers at the configured address.

import { gatewayBind } from "#gateway";
import type { CommandContext, Subcommand } from "../../command.ts";
import { askHealth, unreachable } from "../../gateway-health.ts";

interface StatusOptions {
  readonly json?: boolean;
}

/** `agent auth-gateway status`. */
export const statusSubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--json", "print the answer as JSON")
      .action((options: StatusOptions) => printStatus(context, options));
  },
};

async function printStatus(context: CommandContext, { json }: StatusOptions): Promise<void> {
  const url = `http://${context.loadConfig().get(gatewayBind)}`;
  const health = await askHealth(url);
  if (json) context.stdout(`${JSON.stringify({ url, ...health })}\n`);
  else if (health.ok) context.stdout(`Gateway at ${url} answers, version ${health.version}.\n`);
  if (health.ok) return;
  throw unreachable(url, health.reason);
}
