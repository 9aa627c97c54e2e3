// `agent auth-broker serve`: the broker, until Ctrl-C.

import { type Broker, brokerBind, brokerTlsCert, brokerTlsKey, startBroker } from "#broker";
import { homeDirectory } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { logLevel } from "../../config-keys.ts";
import { hardenServer } from "../../hardened-process.ts";
import { addKeyOptions, keyFlags } from "../../key-options.ts";
import { passphraseAsker } from "../../local-vault.ts";
import { openProcessLog } from "../../process-log.ts";
import { untilStopped } from "../../until-stopped.ts";

interface ServeOptions {
  readonly bind?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const SERVE_KEYS = [brokerBind, brokerTlsCert, brokerTlsKey, logLevel];

/** `agent auth-broker serve`. */
export const serveSubcommand: Subcommand = {
  register(serve, context) {
    serve
      .option("--bind <host:port>", "the same as --broker-bind")
      .option("--config <file>", "read this configuration file over the others")
      .option("--json", "print one line of JSON when ready");
    addKeyOptions(serve, SERVE_KEYS);
    serve.action((options: ServeOptions) =>
      withBrokerErrors(async () => {
        const bind = options.bind === undefined ? {} : { "--broker-bind": options.bind };
        const flags = { ...keyFlags(serve, SERVE_KEYS), ...bind };
        const config = context.loadConfig(flags, options.config);
        const log = openProcessLog(config, context);
        const stopped = untilStopped(context.env);
        await hardenServer(log);
        const broker = await startBroker({ config, env: context.env, log, ...passphraseAsker() });
        context.stdout(options.json ? readyJson(broker) : readyText(broker, context));
        await stopped;
        log.info("stopping");
        await broker.stop();
      }),
    );
  },
};

function readyJson({ url, socketPath }: Broker): string {
  return `${JSON.stringify({ broker: { url, socket: socketPath ?? null } })}\n`;
}

function readyText({ url, socketPath }: Broker, { env }: CommandContext): string {
  return `Parley broker is ready.

  address  ${url}
  socket   ${socketPath ?? "none"}
  vault    ${homeDirectory(env)}

On this host clients find the socket and the token by themselves. Elsewhere they need both of:
  export PARLEY_AUTH_BROKER_URL=${url}
  export PARLEY_AUTH_BROKER_TOKEN=...     what \`agent auth-broker token\` prints here, which allows everything

Ctrl-C stops it.
`;
}
