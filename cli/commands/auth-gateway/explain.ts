// `agent auth-gateway explain`: why a request went as it did, from the access log of this host's gateway.

import { setTimeout } from "node:timers/promises";
import { type AccessLogReader, type AccessRecord, readAccessLog } from "#gateway";
import { DatabaseError } from "#platform";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { columns, shortTime } from "../../table.ts";
import { explanation } from "./explanation.ts";

/** How long is waited, in ms, for what a gateway has just served to be written; looked for this often. */
const PATIENCE_MS = 1_000;
const LOOK_EVERY_MS = 50;

/** Requests shown by --list. */
export const LISTED_REQUESTS = 20;

interface ExplainOptions {
  readonly last?: boolean;
  readonly list?: boolean;
  readonly json?: boolean;
}

const HELP = `
REQUEST_ID is the x-request-id of an answer, or the one that the caller sent. Kept are the last 100,000 requests of
seven days, on the gateway's host; nothing of what was asked or answered is among it.`;

/** `agent auth-gateway explain`. */
export const explainSubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("[REQUEST_ID]", "the request to explain")
      .option("--last", "the newest request")
      .option("--list", `the last ${LISTED_REQUESTS} requests, a line each`)
      .option("--json", "print JSON")
      .addHelpText("after", HELP)
      .action((id: string | undefined, options: ExplainOptions) => explain(context, id, options));
  },
};

async function explain(
  context: CommandContext,
  id: string | undefined,
  options: ExplainOptions,
): Promise<void> {
  const chosen = [id !== undefined, options.last, options.list].filter(Boolean);
  if (chosen.length !== 1) {
    throw new CliError("usage", "Say which request: its id, --last or --list", {
      exitCode: EXIT_CODES.usage,
    });
  }
  const log = await openLog(context);
  try {
    // The newest may not be written yet, and then another one would seem to be it.
    if (id === undefined) await setTimeout(log.delayMs);
    if (options.list) return printList(context, log.list(LISTED_REQUESTS), options);
    const record = await patiently(() => (id === undefined ? log.list(1)[0] : log.find(id)));
    if (!record) throw notFound(id);
    context.stdout(options.json ? `${JSON.stringify(record)}\n` : explanation(record));
  } finally {
    log.close();
  }
}

async function patiently<T>(look: () => T | undefined): Promise<T | undefined> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_EVERY_MS) {
    const found = look();
    if (found !== undefined) return found;
    await setTimeout(LOOK_EVERY_MS);
  }
  return look();
}

async function openLog({ env }: CommandContext): Promise<AccessLogReader> {
  try {
    const log = await readAccessLog(env);
    if (log) return log;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new CliError("access_log_unusable", `The access log cannot be read: ${error.message}`, {
      cause: error,
    });
  }
  throw new CliError("no_access_log", "No gateway has kept an access log on this host", {
    hint: "Run this where the gateway runs, as its user; gateway.accessLog must not be false.",
  });
}

function notFound(id: string | undefined): CliError {
  if (id === undefined) return new CliError("request_unknown", "No request is recorded yet");
  return new CliError("request_unknown", `No request "${id}" is recorded`, {
    hint: "A request is written once it has ended; `agent auth-gateway explain --list` shows the last ones.",
  });
}

function printList(
  context: CommandContext,
  records: readonly AccessRecord[],
  { json }: ExplainOptions,
): void {
  if (json) return context.stdout(`${JSON.stringify(records)}\n`);
  if (records.length === 0) return context.stdout("No request is recorded yet.\n");
  const rows = records.map((record) => [
    shortTime(record.startedAtMs),
    record.requestId,
    record.caller.name,
    record.asked,
    String(record.status),
    record.outcome,
    `${Math.round(record.elapsedMs)} ms`,
  ]);
  context.stdout(
    columns([["when", "request", "who", "asked for", "status", "end", "took"], ...rows]),
  );
}
