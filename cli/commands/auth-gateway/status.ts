// `agent auth-gateway status`: whether a gateway answers at the configured address.

import { z } from "zod";
import { gatewayBind } from "#gateway";
import { createOutbound, readJson } from "#platform";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";

/** How long `status` waits for an answer. */
export const STATUS_TIMEOUT_MS = 3_000;

interface StatusOptions {
  readonly json?: boolean;
}

/** `agent auth-gateway status`. */
export const statusSubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--json", "print the answer as JSON")
      .action((options: StatusOptions) => printStatus(context, options));
  },
};

async function printStatus(context: CommandContext, { json }: StatusOptions): Promise<void> {
  const url = `http://${context.loadConfig().get(gatewayBind)}`;
  const health = await askHealth(url);
  if (json) context.stdout(`${JSON.stringify({ url, ...health })}\n`);
  else if (health.ok) context.stdout(`Gateway at ${url} answers, version ${health.version}.\n`);
  if (health.ok) return;
  throw new CliError("gateway_unreachable", `No gateway answers at ${url}: ${health.reason}`, {
    exitCode: EXIT_CODES.unreachable,
    hint: "Start it with `agent up` or `agent auth-gateway serve`; gateway.bind says where it is looked for.",
  });
}

const HealthBody = z.object({ ok: z.literal(true), version: z.string() });

type Health = z.infer<typeof HealthBody> | { ok: false; reason: string };

async function askHealth(url: string): Promise<Health> {
  try {
    const response = await createOutbound().send({
      url: `${url}/healthz`,
      headers: {},
      signal: AbortSignal.timeout(STATUS_TIMEOUT_MS),
      attempts: 1,
    });
    const health = HealthBody.safeParse(readJson(await response.bytes()));
    if (response.status === 200 && health.success) return health.data;
    return { ok: false, reason: `something else answers there (HTTP ${response.status})` };
  } catch (error) {
    return { ok: false, reason: message(error) };
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
