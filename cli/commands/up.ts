// `agent up`: broker and gateway in one process on this machine; what `npm start` runs. Binds loopback unless
// told otherwise, and prints the key that its clients need, once, on stdout.

import { brokerBind, environmentKeys, openRegistry, startBroker, type Broker } from "#broker";
import { LimitFeed, ObservedUsage, readInstallId, RemoteUsage } from "#broker/client";
import { gatewayBind, gatewayWorkers, startGateway, type Gateway } from "#gateway";
import { createLogger, homeDirectory, isLoopback, type Logger } from "#platform";
import { logLevel } from "../config-keys.ts";
import type { CliCommand, CommandContext } from "../command.ts";
import { GATEWAY_APP_NAME } from "../gateway-broker.ts";
import { hardenServer } from "../hardened-process.ts";
import { addKeyOptions, keyFlags } from "../key-options.ts";
import { passphraseAsker } from "../local-vault.ts";
import { processLogStyle } from "../process-log.ts";
import { untilStopped } from "../until-stopped.ts";

const EXAMPLES = `
Examples:
  agent up                                  the defaults: gateway on port 4000, broker on 8765
  agent up --gateway-bind 127.0.0.1:0       any free port
  ANTHROPIC_API_KEY=… agent up              serve Anthropic's models with that key

Keys in the environment are used for this run where the vault has none, and never stored. Ctrl-C stops both.`;

interface UpOptions {
  readonly json?: boolean;
  readonly config?: string;
}

/** `agent up`. */
export const upCommand: CliCommand = {
  name: "up",
  summary: "run broker and gateway here, for one person",
  register(command, context) {
    const keys = [gatewayBind, gatewayWorkers, brokerBind, logLevel];
    addKeyOptions(command, keys);
    command
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print one line of JSON when ready")
      .addHelpText("after", EXAMPLES)
      .action((options: UpOptions) => up(context, options, keyFlags(command, keys)));
  },
};

type Flags = ReturnType<typeof keyFlags>;

async function up(context: CommandContext, options: UpOptions, flags: Flags): Promise<void> {
  const config = context.loadConfig(flags, options.config);
  const workerLog = processLogStyle(config, context);
  const log = createLogger(workerLog);
  const { env } = context;
  const offered = environmentKeys(env, openRegistry(config));
  const stopped = untilStopped(context.env);
  await hardenServer(log);
  const installId = readInstallId(homeDirectory(env));
  const broker = await startBroker({
    config,
    env,
    log: log.child({ part: "broker" }),
    ...passphraseAsker(),
  });
  const told = openReports(broker, { installId, log });
  try {
    const gateway = await startGateway({
      config,
      env,
      log: log.child({ part: "gateway" }),
      workerLog,
      credentials: broker.credentials,
      observe: (used) => told.usage.record(used),
      observeLimits: (id, headers) => told.limits.record(id, headers),
      askUsage: () => told.allowances.reports(),
      environmentKeys: new Map(offered.map(({ provider, key }) => [provider, key.reveal()])),
    });
    try {
      for (const { provider, variable } of offered) {
        log.info("key from the environment is used where the vault has none, and not stored", {
          provider,
          variable,
        });
      }
      warnWhenPublic(gateway, log);
      context.stdout(options.json ? readyJson(gateway, broker) : readyText(gateway, broker));
      await stopped;
      log.info("stopping");
    } finally {
      await gateway.stop();
    }
  } finally {
    await told.stop();
    await broker.stop();
  }
}

/** Tells the broker what the gateway uses, as a gateway elsewhere would. */
function openReports(
  { reports: client }: Broker,
  { installId, log }: { installId: string; log: Logger },
) {
  const usage = new ObservedUsage({ client, installId, app: GATEWAY_APP_NAME, log });
  const limits = new LimitFeed({ client, log });
  const allowances = new RemoteUsage({ client, log });
  const stop = () => {
    limits.stop();
    return usage.stop();
  };
  return { usage, limits, allowances, stop };
}

function warnWhenPublic({ url }: Gateway, log: Logger): void {
  const { hostname } = new URL(url);
  if (isLoopback(hostname)) return;
  log.warn(
    "the gateway can be reached from other machines over plain HTTP; put TLS in front of it",
    { url },
  );
}

function readyJson(gateway: Gateway, broker: Broker): string {
  const ready = {
    gateway: { url: gateway.url, key: gateway.token || null },
    broker: { url: broker.url, socket: broker.socketPath ?? null },
  };
  return `${JSON.stringify(ready)}\n`;
}

function readyText(gateway: Gateway, broker: Broker): string {
  // With gateway.noAuth any word is a key; SDKs refuse to start without one.
  const key = gateway.token || "none";
  const providers = gateway.providers.filter((id) => !id.startsWith("sim-")).join(", ");
  return `Parley is ready.

  gateway    ${gateway.url}
  key        ${key}
  broker     ${broker.url}
  providers  ${providers}

Try it:
  curl ${gateway.url}/v1/chat/completions -H "Authorization: Bearer ${key}" \\
    -H "Content-Type: application/json" \\
    -d '{"model":"sim/echo","messages":[{"role":"user","content":"Hello"}]}'

Point your tools at it:
  export OPENAI_BASE_URL=${gateway.url}/v1 OPENAI_API_KEY=${key}
  export ANTHROPIC_BASE_URL=${gateway.url} ANTHROPIC_API_KEY=${key}

Ctrl-C stops it.
`;
}
