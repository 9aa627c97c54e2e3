// `agent auth-broker doctor`: what is wrong with the broker of this host, and how to fix it.

import { examineBroker, type Finding } from "#broker";
import { BrokerClient, localBrokerUrl } from "#broker/client";
import { type Config, Secret, VERSION } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { reportFindings } from "../../findings.ts";
import { withLocalVault } from "../../local-vault.ts";

const HELP = `
Looks at the vault and its key, grants that are not refreshed or are about to end, client tokens, the audit log,
the disk, the certificate, who can reach the broker, and whether it answers. Changes nothing; asks no provider.
Exit code 1 when something failed.`;

/** `agent auth-broker doctor`. */
export const doctorSubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print JSON")
      .addHelpText("after", HELP)
      .action(({ json, config: file }: { json?: boolean; config?: string }) =>
        withBrokerErrors(async () => {
          const config = context.loadConfig({}, file);
          const findings = await withLocalVault(
            context,
            (vault) => examineBroker({ vault, config, env: context.env }),
            { config },
          );
          reportFindings([...findings, await answering(config, context)], context, { json });
        }),
      );
  },
};

async function answering(config: Config, { env }: CommandContext): Promise<Finding> {
  const name = "broker";
  try {
    const url = localBrokerUrl(config, env);
    const { version } = await new BrokerClient({ url, token: new Secret("") }).healthz();
    if (version === VERSION) return { name, status: "ok", detail: `answers at ${url}` };
    return {
      name,
      status: "warning",
      detail: `${url} runs version ${version ?? "unknown"}, this is ${VERSION}`,
      fix: "Restart the broker.",
    };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name, status: "warning", detail, fix: "Start it with `agent auth-broker serve`." };
  }
}
