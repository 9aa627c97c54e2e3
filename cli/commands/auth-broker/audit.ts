// `agent auth-broker audit`: the audit log of this host, readable, and whether it is whole.

import { existsSync } from "node:fs";
import { auditHeadPath, AuditLog, auditPath, type AuditRecord, type AuditVerdict } from "#broker";
import { homeDirectory } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { parseDuration } from "../../duration.ts";
import { withLocalVaultIfAny } from "../../local-vault.ts";
import { columns, shortTime } from "../../table.ts";

/** Records shown when --limit does not say otherwise. */
const DEFAULT_LIMIT = 100;
const NOTHING: AuditVerdict = { isIntact: true, records: 0, vouchedFor: 0 };

interface AuditOptions {
  readonly verify?: boolean;
  readonly json?: boolean;
  readonly since?: string;
  readonly limit: string;
}

/** `agent auth-broker audit`. */
export const auditSubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--verify", "check that no record was changed, removed or put in; exit code 1 if so")
      .option("--since <duration>", "only what is younger, such as 7d or 90m")
      .option("--limit <n>", "at most so many records, the last ones", String(DEFAULT_LIMIT))
      .option("--json", "print JSON")
      .action((options: AuditOptions) =>
        withBrokerErrors(() =>
          options.verify ? verify(context, options) : show(context, options),
        ),
      );
  },
};

async function show(context: CommandContext, options: AuditOptions): Promise<void> {
  const limit = parseLimit(options.limit);
  const ageMs = options.since === undefined ? undefined : parseDuration(options.since, "--since");
  const sinceMs = ageMs === undefined ? 0 : Date.now() - ageMs;
  const records = await withAuditLog(context, (log) => log?.recent({ sinceMs, limit }) ?? []);
  if (options.json) return context.stdout(`${JSON.stringify(records)}\n`);
  context.stdout(records.length === 0 ? "Nothing is recorded.\n" : recordsTable(records));
}

async function verify(context: CommandContext, { json }: AuditOptions): Promise<void> {
  const verdict = await withAuditLog(context, (log) => log?.verify() ?? NOTHING);
  if (json) context.stdout(`${JSON.stringify(verdict)}\n`);
  if (!verdict.isIntact) throw broken(verdict);
  if (json) return;
  const { records, vouchedFor } = verdict;
  context.stdout(`The audit log is whole: ${records} records.\n`);
  if (vouchedFor < records) {
    context.stderr(
      `audit.head vouches for ${vouchedFor} of them: the loss of later ones would not show.\n`,
    );
  }
}

// Neither log nor vault is made by looking at them.
async function withAuditLog<T>(
  context: CommandContext,
  use: (log: AuditLog | undefined) => T,
): Promise<T> {
  const home = homeDirectory(context.env);
  if (!existsSync(auditPath(home)) && !existsSync(auditHeadPath(home))) return use(undefined);
  return withLocalVaultIfAny(context, (vault) => {
    if (!vault) throw vaultMissing();
    const log = AuditLog.open(home, { index: vault.file.index });
    try {
      return use(log);
    } finally {
      log.close();
    }
  });
}

function recordsTable(records: readonly AuditRecord[]): string {
  const rows = records.map(({ atMs, actor, action, target, outcome, detail }) => [
    shortTime(atMs),
    actor,
    action,
    outcome,
    [target, detail].filter((text) => text !== "").join("  "),
  ]);
  return columns([["WHEN", "WHO", "WHAT", "OUTCOME", "ABOUT"], ...rows]);
}

function parseLimit(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new CliError("limit_invalid", "--limit is not a number of records", {
    exitCode: EXIT_CODES.usage,
    hint: "Write a whole number from 1 to 9999999.",
  });
}

function broken({ seq, problem }: Extract<AuditVerdict, { isIntact: false }>): CliError {
  return new CliError("audit_broken", `the audit log was altered at record ${seq}: ${problem}`, {
    hint: "Keep audit.db and audit.head as evidence; records before that one are as they were written.",
  });
}

function vaultMissing(): CliError {
  return new CliError(
    "vault_missing",
    "there is an audit log, but no vault whose key could check it",
    {
      hint: "Restore vault.db and its key from a backup.",
    },
  );
}
