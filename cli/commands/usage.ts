// `agent usage`: how much of each account the team has used, as the broker knows it, and what this host's gateway has
// served. Asks no provider itself.

import { BrokerClient, BrokerUnreachable } from "#broker/client";
import type { UsageReports } from "#wire";
import { Option } from "commander";
import { PRICES_AS_OF, readUsageSums, type UsageGroup } from "#gateway";
import { findBroker } from "../broker-connection.ts";
import { withBrokerErrors } from "../broker-errors.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { CliCommand, CommandContext } from "../command.ts";
import { usageCsv, usageTable } from "../gateway-usage.ts";
import { openDash } from "../dash-link.ts";
import { parseStretch } from "../moment.ts";
import { isColorful } from "../terminal.ts";
import { usageScreen } from "../usage-screen.ts";

interface UsageOptions {
  readonly json?: boolean;
  readonly provider?: string;
  readonly config?: string;
  readonly by?: UsageGroup;
  readonly since?: string;
  readonly until?: string;
  readonly csv?: boolean;
  readonly open?: boolean;
}

const DEFAULT_SINCE = "30d";

/** `agent usage`. */
export const usageCommand: CliCommand = {
  name: "usage",
  summary: "what is left of each account; --by key, model or day what was used; --open draws it",
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
      .option(
        "--since <when>",
        `with --by: from when, such as 12h, 7d or 2026-11-01 (default: ${DEFAULT_SINCE})`,
      )
      .option("--until <when>", "with --by: up to when, a day included (default: now)")
      .addOption(
        new Option("--csv", "with --by: print CSV (RFC 4180), costs in nano-USD and USD").conflicts(
          "json",
        ),
      )
      .option("--open", "a link to the gateway's page of plots, opened where there is a screen")
      .option("--json", "print JSON")
      .addHelpText(
        "after",
        "\nThe broker is the one at auth.broker.url (PARLEY_AUTH_BROKER_URL), else the one on this host;\nexit code 4 when it does not answer. With --by no broker is asked. Days are those of UTC.",
      )
      .action((options: UsageOptions) => {
        refuseIdleOptions(options);
        if (options.open) return openDash(context, options);
        return options.by === undefined
          ? withBrokerErrors(() => showUsage(context, options))
          : showSums(context, options.by, options);
      });
  },
};

/** An option that would do nothing is a mistake somebody should hear of. */
function refuseIdleOptions(options: UsageOptions): void {
  const { names, hint } = idleOptions(options);
  const given = names.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  const message = `--${given} does nothing here`;
  throw new CliError("option_without_use", message, { exitCode: EXIT_CODES.usage, hint });
}

function idleOptions({ by, open }: UsageOptions): {
  names: readonly (keyof UsageOptions)[];
  hint: string;
} {
  const names = ["since", "until", "csv"] as const;
  if (open) {
    return { names: ["by", "provider", ...names], hint: "The page has its own controls for that." };
  }
  if (by === undefined) return { names, hint: "It goes with --by key, model, account or day." };
  const hint = "With --by the ledger of this host is read, and no broker is asked.";
  return { names: ["provider", "config"], hint };
}

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
  { json, csv, since = DEFAULT_SINCE, until }: UsageOptions,
): Promise<void> {
  const stretch = parseStretch({ since, until }, Date.now());
  const sums = await readUsageSums(env, { by, ...stretch });
  if (json)
    return stdout(`${JSON.stringify({ by, ...stretch, pricesAsOf: PRICES_AS_OF, sums })}\n`);
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
