// `agent auth-broker token create`: a token that may do less than everything, printed once.
// Refuses to hand it out before the audit log has it.

import type { Command } from "commander";
import {
  ClientTokens,
  type ClientTokenSummary,
  openRegistry,
  parsePermissions,
  PERMISSION_DOCS,
  ProviderScope,
  type Vault,
} from "#broker";
import { nearest } from "#platform";
import { withBrokerErrors } from "../../../broker-errors.ts";
import type { CommandContext, Subcommand } from "../../../command.ts";
import { parseDuration } from "../../../duration.ts";
import { recordLocally } from "../../../local-audit.ts";
import { withLocalVault } from "../../../local-vault.ts";
import { columns } from "../../../table.ts";
import { shownToken } from "./shown-token.ts";

interface CreateOptions {
  readonly name: string;
  readonly allow: string;
  readonly providers: string;
  readonly expires?: string;
  readonly leaseOnly?: boolean;
  readonly json?: boolean;
}

const HELP = `
What --allow may name:
${columns(Object.entries(PERMISSION_DOCS).map(([name, doc]) => [`  ${name}`, doc]))}
--providers takes ids and globs; what a token may not see does not exist for it.
--lease-only gives access tokens for minutes, and API keys only where the provider has nothing shorter.`;

/** `agent auth-broker token create`. */
export const createTokenSubcommand: Subcommand = {
  register(command, context) {
    command
      .requiredOption("--name <name>", "who it is for: 1 to 40 of a-z, 0-9 and hyphen")
      .requiredOption("--allow <list>", "what it may do, separated by commas")
      .option("--providers <list>", "for which providers, separated by commas", "*")
      .option("--expires <duration>", "when it ends by itself, such as 30d (default: never)")
      .option("--lease-only", "for a client that asks again every few minutes, such as a gateway")
      .option("--json", "print JSON")
      .addHelpText("after", HELP)
      .action((_: unknown, self: Command) =>
        withBrokerErrors(async () => {
          // `token` has a --json too, and takes it wherever it stands.
          const options = self.optsWithGlobals<CreateOptions>();
          const wanted = wantedToken(options);
          const { token, summary, hints } = await withLocalVault(context, async (vault) => ({
            ...(await createRecorded(context, vault, wanted)),
            hints: unknownProviders(context, vault, wanted.scope),
          }));
          context.stdout(
            options.json ? `${JSON.stringify({ token, ...shownToken(summary) })}\n` : `${token}\n`,
          );
          context.stderr(
            `Keep it now: it is not stored, and not shown again. ${described(summary)}\n`,
          );
          for (const hint of hints) context.stderr(`${hint}\n`);
        }),
      );
  },
};

type WantedToken = Parameters<ClientTokens["create"]>[0];

function wantedToken({ name, allow, providers, expires, leaseOnly }: CreateOptions): WantedToken {
  const durationMs = expires === undefined ? null : parseDuration(expires, "--expires");
  return {
    name,
    permissions: parsePermissions(commaList(allow)),
    scope: ProviderScope.parse(commaList(providers)),
    expiresAtMs: durationMs === null ? null : Date.now() + durationMs,
    isLeaseOnly: leaseOnly === true,
  };
}

function commaList(text: string): string[] {
  return text.split(",").map((item) => item.trim());
}

async function createRecorded(context: CommandContext, vault: Vault, wanted: WantedToken) {
  const tokens = new ClientTokens(vault.file);
  const created = tokens.create(wanted);
  const { name, id } = created.summary;
  try {
    await recordLocally(context, vault, {
      action: "token.create",
      target: `${name}#${id}`,
      detail: described(created.summary),
    });
  } catch (error) {
    tokens.revoke(name);
    throw error;
  }
  return created;
}

function described({
  permissions,
  providers,
  isLeaseOnly,
  expiresAtMs,
}: ClientTokenSummary): string {
  const end = expiresAtMs === null ? "never" : new Date(expiresAtMs).toISOString();
  const leaseOnly = isLeaseOnly ? ", leases only" : "";
  return `It may ${permissions.join(", ")} for ${providers.join(", ")}${leaseOnly}; ends ${end}.`;
}

// Not an error: a provider may be added later. A slip of the pen should not look like an empty vault, though.
function unknownProviders(context: CommandContext, vault: Vault, scope: ProviderScope): string[] {
  const known = [
    ...openRegistry(context.loadConfig())
      .all()
      .map(({ descriptor }) => descriptor.id),
    ...vault.list().map(({ provider }) => provider),
  ];
  return scope.patterns
    .filter((pattern) => !known.some((id) => ProviderScope.parse([pattern]).sees(id)))
    .map((pattern) => {
      const near = nearest(pattern, known);
      const hint = near === undefined ? "" : ` Did you mean ${near}? Then revoke this one.`;
      return `No provider known here is called ${pattern}.${hint}`;
    });
}
