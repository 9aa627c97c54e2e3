// Which broker a command asks: the configured one, else the one of this host. Refuses to look any further.

import {
  type BrokerConnection,
  localBrokerUrl,
  resolveBrokerConnection,
  resolveBrokerToken,
} from "#broker/client";
import type { Config, Environment } from "#platform";
import { CliError, EXIT_CODES } from "./cli-error.ts";

/** Finds it, without asking it anything. Throws CliError `no_broker`, and what reading the configuration throws. */
export async function findBroker(config: Config, env: Environment): Promise<BrokerConnection> {
  const configured = await resolveBrokerConnection(config, env);
  if (configured) return configured;
  const token = await resolveBrokerToken(config, env);
  if (token) return { url: localBrokerUrl(config, env), token };
  throw new CliError("no_broker", "No broker is configured, and this host has never run one.", {
    exitCode: EXIT_CODES.unreachable,
    hint: "Run `agent up` for broker and gateway together, or set auth.broker.url and auth.broker.token.",
  });
}
