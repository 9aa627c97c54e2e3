// `agent auth-gateway key create`: a key, printed once.

import { providersKey, upstreamIds } from "#gateway";
import { nearest } from "#platform";
import { CliError, EXIT_CODES } from "../../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../../command.ts";
import { type KeyOptions, newKey } from "./key-options.ts";
import { withKeys } from "./with-keys.ts";

const HELP = `
Globs are separated by commas; they cover provider/model and the bare model, and what is denied stays denied.
Budgets are hard: what a request may cost at most is set aside before it is sent. Days, weeks and months are UTC.`;

/** `agent auth-gateway key create`. */
export const createKeySubcommand: Subcommand = {
  register(command, context) {
    command
      .requiredOption("--name <name>", "1 to 64 of a-z, 0-9, dot, hyphen and underscore")
      .option("--owner <who>", "who answers for it", "")
      .option("--models <globs>", "models it may use", "*")
      .option("--deny-models <globs>", "models it may not use, whatever --models says")
      .option("--providers <globs>", "providers it may use", "*")
      .option("--formats <list>", "of chat, responses, messages and native (default: all)")
      .option("--rpm <n>", "requests per minute")
      .option("--tpm <n>", "tokens per minute, in and out")
      .option("--rpd <n>", "requests per day")
      .option("--streams <n>", "streams at the same time")
      .option("--budget <list>", "dollars by window, such as day=5,month=50 or total=100")
      .option("--strict", "refuse a translation that would lose anything of a request")
      .option("--transparent <providers>", "providers that get a credential of the caller's own")
      .option("--credentials <ids>", "the broker's ids of the only accounts it may use")
      .option("--from <duration>", "when it begins to be valid, such as 2h from now")
      .option("--expires <duration>", "when it ends by itself, such as 30d (default: never)")
      .option("--json", "print JSON")
      .addHelpText("after", HELP)
      .action((options: KeyOptions & { json?: boolean }) => createKey(context, options));
  },
};

async function createKey(
  context: CommandContext,
  options: KeyOptions & { json?: boolean },
): Promise<void> {
  const wanted = newKey(options, Date.now());
  await checkProviders(wanted.rules.transparent, context);
  await withKeys(context, (keys) => {
    const { secret, key } = keys.create(wanted);
    context.stdout(options.json ? `${JSON.stringify({ secret, ...key })}\n` : `${secret}\n`);
    context.stderr("Keep it now: it is not stored, and not shown again.\n");
  });
}

// A misspelt one would have shared accounts pay for who brings an account of their own.
async function checkProviders(
  asked: readonly string[],
  { env, loadConfig }: CommandContext,
): Promise<void> {
  if (asked.length === 0) return;
  const known = await upstreamIds(loadConfig().get(providersKey), env);
  const unknown = asked.find((id) => !known.includes(id));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  throw new CliError("provider_unknown", `--transparent: there is no provider "${unknown}" here`, {
    exitCode: EXIT_CODES.usage,
    hint: near === undefined ? "`agent auth-broker list` shows them." : `Did you mean ${near}?`,
  });
}
