// `agent usage`: how much of each account the team has used, as the broker knows it. Asks no provider itself.

import { BrokerClient, BrokerUnreachable } from "#broker/client";
import type { UsageReports } from "#wire";
import { Option } from "commander";
import { readUsageSums, type UsageGroup } from "#gateway";
import { findBroker } from "../broker-connection.ts";
import { withBrokerErrors } from "../broker-errors.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { CliCommand, CommandContext } from "../command.ts";
import { parseDuration } from "../duration.ts";
import { usageCsv, usageTable } from "../gateway-usage.ts";
import { isColorful } from "../terminal.ts";
import { usageScreen } from "../usage-screen.ts";

interface UsageOptions {
  readonly json?: boolean;
  readonly provider?: string;
  readonly config?: string;
  readonly by?: UsageGroup;
  readonly since?: string;
  readonly csv?: boolean;
}

/** `agent usage`. */
export const usageCommand: CliCommand = {
  name: "usage",
  summary: "what is left of each account; --by key, model or day what was used",
  register(command, context) {
    command
      .option("--provider <id>", "this provider only")
      .option("--config <file>", "read this configuration file over the others")
      .addOption(
        new Option("--by <group>", "what this host's gateway served, added up").choices([
          "key",
          "model",
          "account",
          "day",
        ]),
      )
      .option("--since <duration>", "with --by: how far back, such as 12h or 7d", "30d")
      .option("--csv", "with --by: print CSV, costs in nano-USD")
      .option("--json", "print JSON")
      .addHelpText(
        "after",
        "\nThe broker is the one at auth.broker.url (PARLEY_AUTH_BROKER_URL), else the one on this host;\nexit code 4 when it does not answer. With --by no broker is asked.",
      )
      .action((options: UsageOptions) =>
        options.by === undefined
          ? withBrokerErrors(() => showUsage(context, options))
          : showSums(context, options.by, options),
      );
  },
};

async function showUsage(context: CommandContext, options: UsageOptions): Promise<void> {
  const { json, provider, config: file } = options;
  const connection = await findBroker(context.loadConfig({}, file), context.env);
  const answer = await askUsage(new BrokerClient(connection));
  const isWanted = (id: string) => provider === undefined || id === provider;
  const reports = answer.reports.filter((report) => isWanted(report.provider));
  if (json) return context.stdout(`${JSON.stringify({ ...answer, reports })}\n`);
  if (reports.length === 0) return context.stderr(nothingKnown(provider));
  // The broker's clock: what it calls now is what the times in its answer are relative to.
  const nowMs = answer.generatedAt;
  context.stdout(usageScreen(reports, { nowMs, isColorful: isColorful(context.env) }));
}

async function showSums(
  { env, stdout }: CommandContext,
  by: UsageGroup,
  { json, csv, since = "30d" }: UsageOptions,
): Promise<void> {
  const sinceMs = Date.now() - parseDuration(since, "--since");
  const sums = await readUsageSums(env, { by, sinceMs });
  if (json) return stdout(`${JSON.stringify({ by, sinceMs, sums })}\n`);
  stdout(csv ? usageCsv(sums, by) : usageTable(sums, by));
}

async function askUsage(client: BrokerClient): Promise<UsageReports> {
  try {
    return await client.usage();
  } catch (cause) {
    if (!(cause instanceof BrokerUnreachable)) throw cause;
    const { code, message, fix: hint } = cause;
    throw new CliError(code, message, { exitCode: EXIT_CODES.unreachable, hint, cause });
  }
}

function nothingKnown(provider: string | undefined): string {
  const of = provider === undefined ? "any account" : `an account of ${provider}`;
  return `The broker knows no usage of ${of} yet. Some providers tell it for a login, others only
in their answers, so it shows once a gateway has used the account.
\`agent auth-broker list\` shows which accounts there are.
`;
}
