// `agent auth-broker status`: asks the configured broker, else this host's, whether it answers.

import { BrokerError } from "#broker";
import {
  BrokerClient,
  BrokerUnauthorized,
  localBrokerUrl,
  resolveBrokerConnection,
  resolveBrokerToken,
} from "#broker/client";
import { type Config, Secret } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";

/** `agent auth-broker status`. */
export const statusSubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print JSON")
      .action(({ json, config }: { json?: boolean; config?: string }) =>
        withBrokerErrors(async () => {
          const status = await askBroker(context.loadConfig({}, config), context);
          context.stdout(json ? `${JSON.stringify(publicPart(status))}\n` : statusLine(status));
          if (status.problem) throw notReady(status.problem);
        }),
      );
  },
};

interface BrokerStatus {
  readonly url: string;
  readonly isReachable: boolean;
  readonly version: string | null;
  readonly generation: number | null;
  readonly credentials: number | null;
  /** Why the broker is of no use now; absent when all is well. */
  readonly problem?: BrokerError;
}

async function askBroker(config: Config, context: CommandContext): Promise<BrokerStatus> {
  const configured = await resolveBrokerConnection(config, context.env);
  const token = configured?.token ?? (await resolveBrokerToken(config, context.env));
  const url = configured?.url ?? localBrokerUrl(config, context.env);
  const nothing = { url, isReachable: false, version: null, generation: null, credentials: null };
  const client = new BrokerClient({ url, token: token ?? new Secret("") });
  let known: BrokerStatus = nothing;
  try {
    const health = await client.healthz();
    known = { ...nothing, isReachable: true, version: health.version ?? null };
    if (!token) return { ...known, problem: new BrokerUnauthorized(url) };
    const { generation, credentials } = await client.snapshot();
    return { ...known, generation, credentials: credentials.length };
  } catch (error) {
    if (error instanceof BrokerError) return { ...known, problem: error };
    throw error;
  }
}

function publicPart({ problem, ...status }: BrokerStatus): Record<string, unknown> {
  const { isReachable, ...rest } = status;
  return { reachable: isReachable, ...rest, problem: problem?.code ?? null };
}

function statusLine(status: BrokerStatus): string {
  const { url, isReachable, version, generation, credentials } = status;
  if (!isReachable) return `${url}  unreachable\n`;
  const known = generation === null ? "" : `  credentials ${credentials}  generation ${generation}`;
  return `${url}  reachable  version ${version ?? "unknown"}${known}\n`;
}

function notReady(problem: BrokerError): CliError {
  return new CliError(problem.code, problem.message, {
    exitCode: EXIT_CODES.unreachable,
    hint: problem.fix,
    cause: problem,
  });
}
