// `agent auth-broker serve`: the broker, until Ctrl-C.

import { brokerBind, startBroker } from "#broker";
import { homeDirectory } from "#platform";
import { withBrokerErrors } from "../../broker-errors.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { logLevel } from "../../config-keys.ts";
import { addKeyOptions, keyFlags } from "../../key-options.ts";
import { passphraseAsker } from "../../local-vault.ts";
import { openProcessLog } from "../../process-log.ts";
import { untilStopped } from "../../until-stopped.ts";

interface ServeOptions {
  readonly bind?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const SERVE_KEYS = [brokerBind, logLevel];

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
        const broker = await startBroker({ config, env: context.env, log, ...passphraseAsker() });
        const { url } = broker;
        context.stdout(
          options.json ? `${JSON.stringify({ broker: { url } })}\n` : readyText(url, context),
        );
        await stopped;
        log.info("stopping");
        await broker.stop();
      }),
    );
  },
};

function readyText(url: string, { env }: CommandContext): string {
  return `Broker at ${url}, vault in ${homeDirectory(env)}
Token: agent auth-broker token
Ctrl-C stops it.
`;
}
