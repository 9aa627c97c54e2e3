// `agent auth-gateway`: run a gateway on a broker's credentials, print its key, ask whether it answers.
// Holds no provider credential of its own; without a configured broker it uses this host's.

import { environmentKeys, openRegistry } from "#broker";
import { gatewayBind, GATEWAY_TOKEN_PREFIX, gatewayTokenPath, startGateway } from "#gateway";
import { z } from "zod";
import { type Config, createOutbound, readJson, readOrCreateToken, rotateToken } from "#platform";
import { withBrokerErrors } from "../broker-errors.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { CliCommand, CommandContext } from "../command.ts";
import { logLevel } from "../config-keys.ts";
import { openGatewayBroker } from "../gateway-broker.ts";
import { addKeyOptions, keyFlags } from "../key-options.ts";
import { openProcessLog } from "../process-log.ts";
import { unlessStopped, untilStopped } from "../until-stopped.ts";

/** How long `status` waits for an answer. */
export const STATUS_TIMEOUT_MS = 3_000;

interface JsonOption {
  readonly json?: boolean;
}

interface ServeOptions extends JsonOption {
  readonly bind?: string;
  readonly config?: string;
}

/** `agent auth-gateway`. */
export const authGatewayCommand: CliCommand = {
  name: "auth-gateway",
  summary: "serve models from a broker's credentials: serve, token, status",
  register(command, context) {
    const serving = [gatewayBind, logLevel];
    const serve = command
      .command("serve")
      .description("run the gateway until Ctrl-C")
      .option("--bind <host:port>", "the same as --gateway-bind")
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print one line of JSON when ready")
      .addHelpText(
        "after",
        "\nThe broker is the one at auth.broker.url (PARLEY_AUTH_BROKER_URL), else the one on this host. While it is\ndown the gateway starts from the snapshot it cached less than auth.broker.snapshotTtlMs ago.",
      );
    addKeyOptions(serve, serving);
    serve.action((options: ServeOptions) => {
      const bind = options.bind === undefined ? {} : { "--gateway-bind": options.bind };
      const flags = { ...keyFlags(serve, serving), ...bind };
      const config = context.loadConfig(flags, options.config);
      return withBrokerErrors(() => serveGateway(context, config, options));
    });
    command
      .command("token")
      .description("print the key that the gateway's clients send")
      .option(
        "--regenerate",
        "make a new one; every client needs it then, a running gateway a restart",
      )
      .option("--json", 'print {"token":…}')
      .action((options: JsonOption & { regenerate?: boolean }) => printToken(context, options));
    command
      .command("status")
      .description("ask the gateway whether it answers; exit code 4 when it does not")
      .option("--json", "print the answer as JSON")
      .action((options: JsonOption) => printStatus(context, options));
  },
};

async function serveGateway(
  context: CommandContext,
  config: Config,
  { json }: JsonOption,
): Promise<void> {
  const { env } = context;
  const log = openProcessLog(config, context);
  const stopped = untilStopped(context.env);
  const broker = await unlessStopped(openGatewayBroker({ config, env, log }), stopped);
  try {
    const offered = environmentKeys(env, openRegistry(config));
    const gateway = await startGateway({
      config,
      env,
      log,
      credentials: broker.vault,
      observe: (request) => broker.usage.record(request),
      observeLimits: (id, headers) => broker.limits.record(id, headers),
      environmentKeys: new Map(offered.map(({ provider, key }) => [provider, key.reveal()])),
    });
    const { url, token, providers } = gateway;
    context.stdout(
      json
        ? `${JSON.stringify({ gateway: { url, key: token }, broker: { url: broker.url } })}\n`
        : `Gateway at ${url}, credentials from ${broker.url}\nKey: agent auth-gateway token\nProviders: ${providers.filter((id) => !id.startsWith("sim-")).join(", ")}\nCtrl-C stops it.\n`,
    );
    await stopped;
    log.info("stopping");
    await gateway.stop();
  } finally {
    await broker.stop();
  }
}

function printToken(
  context: CommandContext,
  { regenerate, json }: JsonOption & { regenerate?: boolean },
) {
  const path = gatewayTokenPath(context.env);
  const token = regenerate
    ? rotateToken(path, GATEWAY_TOKEN_PREFIX)
    : readOrCreateToken(path, GATEWAY_TOKEN_PREFIX);
  context.stdout(json ? `${JSON.stringify({ token })}\n` : `${token}\n`);
}

async function printStatus(context: CommandContext, { json }: JsonOption): Promise<void> {
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
