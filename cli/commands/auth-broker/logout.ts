// `agent auth-broker logout`: removes every credential of a provider from the vault of this host, then tells the
// provider, where it wants to be told. What is removed here stays removed, whatever the provider says.

import {
  credentialsTarget,
  openRegistry,
  type RegisteredProvider,
  revokeGrant,
  type Revocation,
  type Vault,
} from "#broker";
import { resolveBrokerConnection, resolveConfigValue } from "#broker/client";
import { type Config, createOutbound } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { recordOrWarn } from "../../local-audit.ts";
import { withLocalVault } from "../../local-vault.ts";
import { pickNumber } from "../../login-picker.ts";
import { columns } from "../../table.ts";
import { askYesNo, canAsk } from "../../terminal.ts";

interface LogoutOptions {
  readonly config?: string;
  readonly yes?: boolean;
}

/** `agent auth-broker logout`. */
export const logoutSubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("[provider]", "which one; a numbered list asks when it is left out")
      .option("--yes", "do not ask for confirmation")
      .option("--config <file>", "read this configuration file over the others")
      .action((id: string | undefined, options: LogoutOptions) =>
        withBrokerErrors(async () => {
          const config = context.loadConfig({}, options.config);
          await refuseRemote(config, context);
          await withLocalVault(context, (vault) => run(vault, id, { options, config, context }), {
            config,
          });
        }),
      );
  },
};

async function refuseRemote(config: Config, { env }: CommandContext): Promise<void> {
  const remote = await resolveBrokerConnection(config, env);
  if (remote === undefined) return;
  throw new CliError("vault_is_remote", `credentials are held by the broker at ${remote.url}`, {
    hint: "Run `agent auth-broker logout` on that broker's host.",
  });
}

type Stored = ReturnType<Vault["read"]>["credentials"][number];

async function run(
  vault: Vault,
  id: string | undefined,
  { options, config, context }: { options: LogoutOptions; config: Config; context: CommandContext },
): Promise<void> {
  const stored = Map.groupBy(vault.read().credentials, ({ provider }) => provider);
  const provider = id ?? (await pick(stored, context));
  const credentials = stored.get(provider);
  if (credentials === undefined) throw nothingStored(provider, [...stored.keys()]);
  const question = `Remove ${counted(credentials.length)} of ${provider}?`;
  if (!options.yes && canAsk() && !(await askYesNo(question))) {
    throw new CliError("interrupted", "nothing was removed", { exitCode: EXIT_CODES.interrupted });
  }
  // Removed first: a provider that hangs or says no must not keep a credential alive here.
  for (const credential of credentials) vault.disable(credential.id, "logged out");
  context.stdout(`Removed ${counted(credentials.length)} of ${provider}.\n`);
  const target = credentialsTarget(credentials);
  await recordOrWarn(context, vault, { action: "credential.logout", target });
  const registered = openRegistry(config).find(provider);
  for (const credential of credentials) await revoke(credential, registered, context);
}

async function revoke(
  { id, credential }: Stored,
  registered: RegisteredProvider | undefined,
  context: CommandContext,
): Promise<void> {
  if (credential.type === "api_key") {
    const page = registered?.descriptor.apiKey?.page;
    return context.stderr(
      `${id}: the key itself stays valid${page ? `; delete it at ${page}` : ""}.\n`,
    );
  }
  const rules = registered?.descriptor.oauth;
  const secret = rules && rules.flow.kind !== "key" ? rules.flow.clientSecret : undefined;
  const clientSecret =
    secret === undefined ? undefined : await resolveConfigValue(secret, context.env);
  const outcome = await revokeGrant(rules, credential, {
    outbound: createOutbound(),
    signal: new AbortController().signal,
    clientSecret: clientSecret?.reveal(),
  });
  context.stderr(`${id}: ${OUTCOMES[outcome]}\n`);
}

const OUTCOMES: Readonly<Record<Revocation, string>> = {
  revoked: "the provider revoked it.",
  not_offered: "the provider offers no revocation; end the session in your account there.",
  failed: "the provider could not be told; end the session in your account there.",
};

async function pick(
  stored: ReadonlyMap<string, readonly Stored[]>,
  context: CommandContext,
): Promise<string> {
  const providers = [...stored.keys()].toSorted();
  if (providers.length === 0) throw nothingStored(undefined, []);
  if (!canAsk()) {
    throw new CliError("provider_required", "which provider? There is nobody to ask here", {
      exitCode: EXIT_CODES.usage,
      hint: `Name one: agent auth-broker logout <provider>, one of ${providers.join(", ")}`,
    });
  }
  const rows = providers.map((id, at) => [`${at + 1}`, id, counted(stored.get(id)?.length ?? 0)]);
  context.stderr(`${columns(rows)}\n`);
  return providers[(await pickNumber(providers.length)) - 1] ?? "";
}

function nothingStored(provider: string | undefined, stored: readonly string[]): CliError {
  const what =
    provider === undefined
      ? "no credential is stored"
      : `no credential of ${JSON.stringify(provider)} is stored`;
  return new CliError("nothing_stored", what, {
    hint: stored.length === 0 ? "There is nothing to remove." : `Stored are: ${stored.join(", ")}`,
  });
}

function counted(count: number): string {
  return count === 1 ? "1 credential" : `${count} credentials`;
}
