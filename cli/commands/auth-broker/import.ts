// `agent auth-broker import`: other programs' credential files into the vault of this host.
// Shows what became of each, and no secret; the files stay as they are.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  importCredentials,
  type ImportItem,
  type ImportOptions,
  openRegistry,
  openVault,
  type Vault,
  vaultPath,
} from "#broker";
import { type Config, homeDirectory, nearest } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { recordOrWarn } from "../../local-audit.ts";
import { columns } from "../../table.ts";

interface Options {
  readonly provider?: string;
  readonly includeDisabled?: boolean;
  readonly dryRun?: boolean;
  readonly config?: string;
  readonly json?: boolean;
}

/** `agent auth-broker import`. */
export const importSubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("<path>", "a file, or a folder whose *.json files are read")
      .option("--provider <id>", "only credentials of this provider")
      .option("--include-disabled", "also what its file, or a move to another broker, switched off")
      .option("--dry-run", "say what would happen, and change nothing")
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print JSON")
      .addHelpText("after", FORMATS)
      .action((path: string, options: Options) =>
        withBrokerErrors(async () => {
          const items = await run(resolve(context.cwd, path), options, context);
          const isDryRun = options.dryRun === true;
          const text = options.json ? `${JSON.stringify({ isDryRun, items })}\n` : table(items);
          context.stdout(text);
          if (!options.json) context.stderr(summary(items, { isDryRun }));
          refuseWhenNothingUsable(items);
        }),
      );
  },
};

const FORMATS = `
Reads files of CLIProxyAPI, the Codex CLI (auth.json), Claude Code (.credentials.json) and the
Gemini CLI (oauth_creds.json). Log out there afterwards, or stop using those files: a grant that
two programs refresh is revoked by its provider.`;

async function run(path: string, options: Options, context: CommandContext): Promise<ImportItem[]> {
  const config = context.loadConfig({}, options.config);
  const registry = openRegistry(config);
  const { provider, includeDisabled, dryRun: isDryRun } = options;
  if (provider !== undefined && registry.find(provider) === undefined) {
    throw unknownProvider(provider, registry);
  }
  const vault = await openWhenNeeded(config, context, { isDryRun });
  try {
    const items = await importCredentials(path, {
      vault,
      registry,
      provider,
      includeDisabled,
      isDryRun,
    });
    if (vault && !isDryRun) await recordImport(items, { context, vault });
    return items;
  } finally {
    vault?.close();
  }
}

async function recordImport(
  items: readonly ImportItem[],
  { context, vault }: { context: CommandContext; vault: Vault },
): Promise<void> {
  const imported = items.filter(({ outcome }) => outcome === "imported");
  if (imported.length === 0) return;
  const target = imported.map(({ provider }) => provider).join(", ");
  await recordOrWarn(context, vault, { action: "credential.import", target });
}

/** A dry run makes no vault. */
async function openWhenNeeded(
  config: Config,
  { env }: CommandContext,
  { isDryRun }: { isDryRun: boolean | undefined },
): Promise<Vault | undefined> {
  if (isDryRun && !existsSync(vaultPath(homeDirectory(env)))) return undefined;
  return openVault({ config, env });
}

function unknownProvider(id: string, registry: ImportOptions["registry"]): CliError {
  const ids = registry.all().map(({ descriptor }) => descriptor.id);
  const suggestion = nearest(id, ids);
  return new CliError("unknown_provider", `there is no provider ${id}`, {
    exitCode: EXIT_CODES.usage,
    hint: suggestion ? `Did you mean ${suggestion}?` : "`agent auth-broker list` shows all.",
  });
}

function table(items: readonly ImportItem[]): string {
  if (items.length === 0) return "";
  const lines = columns(
    items.map(({ outcome, provider, identityKey, file }) => [
      outcome,
      provider ?? "-",
      identityKey ?? "-",
      file,
    ]),
  ).split("\n");
  return items
    .map(({ reason, warning }, index) => {
      const notes = [reason, warning && `warning: ${warning}`].filter((note) => note !== null);
      return [lines[index], ...notes.map((note) => `          ${note}`)]
        .map((line) => `${printable(line ?? "")}\n`)
        .join("");
    })
    .join("");
}

// Names of files and accounts are others' to choose; control characters must not reach a terminal.
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, "?");
}

function summary(items: readonly ImportItem[], { isDryRun }: { isDryRun: boolean }): string {
  const counts = Map.groupBy(items, ({ outcome }) => outcome);
  const words = [...counts].map(([outcome, { length }]) => `${length} ${outcome}`);
  const tense = isDryRun ? "Dry run, nothing was changed: " : "";
  return `${tense}${words.join(", ") || "no *.json file there"}\n`;
}

function refuseWhenNothingUsable(items: readonly ImportItem[]): void {
  const refused = items.filter(({ outcome }) => outcome === "refused").length;
  const isUsable = items.some(({ outcome }) => outcome === "imported" || outcome === "present");
  if (refused === 0 && isUsable) return;
  const message =
    refused > 0
      ? `${refused} of ${items.length} could not be imported`
      : "no credential was found to import";
  throw new CliError(refused > 0 ? "import_refused" : "import_empty", message);
}
