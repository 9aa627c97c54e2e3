// `agent auth-broker migrate --from-local`: the credentials of this host to the configured broker.
// Shows what became of each, and no secret.

import {
  credentialsTarget,
  environmentKeys,
  migrate,
  type MigrateItem,
  type Migration,
  openRegistry,
  openVault,
} from "#broker";
import { BrokerClient, type BrokerConnection, resolveBrokerConnection } from "#broker/client";
import type { Config } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { recordLocally, recordOrWarn } from "../../local-audit.ts";
import { columns } from "../../table.ts";

interface Options {
  readonly fromLocal?: boolean;
  readonly includeOauth?: boolean;
  readonly includeEnv?: boolean;
  readonly dryRun?: boolean;
  readonly config?: string;
  readonly json?: boolean;
}

/** `agent auth-broker migrate`. */
export const migrateSubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--from-local", "from the vault of this host; required")
      .option("--include-oauth", "OAuth grants too: they leave this vault for good")
      .option("--include-env", "keys that the environment offers too")
      .option("--dry-run", "say what would happen, and change nothing")
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print JSON")
      .addHelpText("after", NOTE)
      .action((options: Options) =>
        withBrokerErrors(async () => {
          if (!options.fromLocal) throw sourceMissing();
          const config = context.loadConfig({}, options.config);
          const connection = await requireConnection(config, context);
          const migration = await run(options, { config, connection, context });
          const isDryRun = options.dryRun === true;
          const { items } = migration;
          context.stdout(
            options.json
              ? `${JSON.stringify({ isDryRun, broker: connection.url, items })}\n`
              : table(items),
          );
          if (!options.json) context.stderr(summary(migration, { isDryRun, url: connection.url }));
          failUnlessDone(migration);
        }),
      );
  },
};

const NOTE = `
API keys are copied. A grant moves: it is taken out of use here before it is sent, because a
grant that two brokers refresh is revoked by its provider. Run it again after an interruption;
what has arrived is not sent twice.`;

interface Setting {
  readonly config: Config;
  readonly connection: BrokerConnection;
  readonly context: CommandContext;
}

async function run(
  { includeOauth, includeEnv, dryRun: isDryRun }: Options,
  { config, connection, context }: Setting,
): Promise<Migration> {
  const { env } = context;
  const vault = await openVault({ config, env });
  const action = "credential.migrate";
  try {
    // Secrets leave this host: the log must have it before they do.
    if (!isDryRun) await recordLocally(context, vault, { action, detail: `to ${connection.url}` });
    const migration = await migrate({
      vault,
      client: new BrokerClient(connection),
      includeOauth,
      environmentKeys: includeEnv ? environmentKeys(env, openRegistry(config)) : [],
      isDryRun,
    });
    const target = credentialsTarget(migration.items.filter(isMigratedRow));
    if (!isDryRun) await recordOrWarn(context, vault, { action, target, detail: "done" });
    return migration;
  } finally {
    vault.close();
  }
}

function isMigratedRow(item: MigrateItem): item is MigrateItem & { id: number } {
  return item.outcome === "migrated" && item.id !== null;
}

async function requireConnection(
  config: Config,
  { env }: CommandContext,
): Promise<BrokerConnection> {
  const connection = await resolveBrokerConnection(config, env);
  if (connection !== undefined) return connection;
  throw new CliError("broker_url_missing", "no broker is configured to move to", {
    exitCode: EXIT_CODES.config,
    hint: "Set auth.broker.url and auth.broker.token to the other host's: `agent config set auth.broker.url https://…`",
  });
}

function sourceMissing(): CliError {
  return new CliError("source_missing", "migrate needs --from-local", {
    exitCode: EXIT_CODES.usage,
    hint: "agent auth-broker migrate --from-local --dry-run shows what would be moved.",
  });
}

function table(items: readonly MigrateItem[]): string {
  const lines = columns(
    items.map(({ outcome, provider, type, identityKey, variable }) => [
      outcome,
      provider,
      type,
      variable === null ? (identityKey ?? "-") : `$${variable}`,
    ]),
  ).split("\n");
  return items
    .flatMap(({ reason }, index) => [
      lines[index] ?? "",
      ...(reason === null ? [] : [`          ${reason}`]),
    ])
    .map((line) => `${printable(line)}\n`)
    .join("");
}

// Names of accounts are others' to choose; control characters must not reach a terminal.
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, "?");
}

function summary(
  { items }: Migration,
  { isDryRun, url }: { isDryRun: boolean; url: string },
): string {
  const counts = Map.groupBy(items, ({ outcome }) => outcome);
  const words = [...counts].map(([outcome, { length }]) => `${length} ${outcome}`);
  const tense = isDryRun ? "Dry run, nothing was changed: " : "";
  return `${tense}${words.join(", ") || "nothing to move"}, to ${url}\n`;
}

function failUnlessDone({ items, interruptedBy }: Migration): void {
  if (interruptedBy !== undefined) {
    throw new CliError(interruptedBy.code, interruptedBy.message, {
      exitCode: EXIT_CODES.unreachable,
      hint: "Repeat the command when the broker answers; it goes on where this one ended.",
      cause: interruptedBy,
    });
  }
  const refused = items.filter(({ outcome }) => outcome === "refused").length;
  if (refused === 0) return;
  throw new CliError("migrate_refused", `${refused} of ${items.length} could not be moved`);
}
