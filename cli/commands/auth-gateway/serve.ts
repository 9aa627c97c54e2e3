// `agent auth-gateway serve`: a gateway on a broker's credentials, until Ctrl-C.

import { environmentKeys, openRegistry } from "#broker";
import { type Gateway, gatewayBind, gatewayNoAuth, gatewayWorkers, startGateway } from "#gateway";
import { type Config, createLogger } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { logLevel } from "../../config-keys.ts";
import { openGatewayBroker } from "../../gateway-broker.ts";
import { addKeyOptions, keyFlags } from "../../key-options.ts";
import { processLogStyle } from "../../process-log.ts";
import { unlessStopped, untilStopped } from "../../until-stopped.ts";

interface ServeOptions {
  /** False for --no-auth. */
  readonly auth: boolean;
  readonly bind?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const NO_AUTH = "--no-auth";
const SERVE_KEYS = [gatewayBind, gatewayWorkers, logLevel];

const HELP = `
The broker is the one at auth.broker.url (PARLEY_AUTH_BROKER_URL), else the one on this host. While it is
down the gateway starts from the snapshot it cached less than auth.broker.snapshotTtlMs ago.`;

/** `agent auth-gateway serve`. */
export const serveSubcommand: Subcommand = {
  register(serve, context) {
    serve
      .option("--bind <host:port>", "the same as --gateway-bind")
      .option(NO_AUTH, gatewayNoAuth.doc)
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print one line of JSON when ready")
      .addHelpText("after", HELP);
    addKeyOptions(serve, SERVE_KEYS);
    serve.action((options: ServeOptions) => {
      const bind = options.bind === undefined ? {} : { "--gateway-bind": options.bind };
      const open = options.auth ? {} : { [NO_AUTH]: true };
      const flags = { ...keyFlags(serve, SERVE_KEYS), ...bind, ...open };
      const config = context.loadConfig(flags, options.config);
      return withBrokerErrors(() => serveGateway(context, config, options));
    });
  },
};

async function serveGateway(
  context: CommandContext,
  config: Config,
  { json }: ServeOptions,
): Promise<void> {
  const { env } = context;
  const workerLog = processLogStyle(config, context);
  const log = createLogger(workerLog);
  const stopped = untilStopped(context.env);
  const broker = await unlessStopped(openGatewayBroker({ config, env, log }), stopped);
  try {
    const offered = environmentKeys(env, openRegistry(config));
    const gateway = await startGateway({
      config,
      env,
      log,
      workerLog,
      credentials: broker.vault,
      observe: (request) => broker.usage.record(request),
      observeLimits: (id, headers) => broker.limits.record(id, headers),
      askUsage: () => broker.allowances.reports(),
      environmentKeys: new Map(offered.map(({ provider, key }) => [provider, key.reveal()])),
    });
    context.stdout((json ? readyJson : readyText)(gateway, broker.url));
    await stopped;
    log.info("stopping");
    await gateway.stop();
  } finally {
    await broker.stop();
  }
}

function readyJson({ url, token }: Gateway, brokerUrl: string): string {
  const ready = { gateway: { url, key: token || null }, broker: { url: brokerUrl } };
  return `${JSON.stringify(ready)}\n`;
}

function readyText({ url, token, providers }: Gateway, brokerUrl: string): string {
  const key = token === "" ? "none is asked for, on this machine" : "agent auth-gateway token";
  const shown = providers.filter((id) => !id.startsWith("sim-")).join(", ");
  return `Gateway at ${url}, credentials from ${brokerUrl}
Key: ${key}
Providers: ${shown}
Ctrl-C stops it.
`;
}
