// What a gateway that runs alone needs of its broker: the credentials, kept current, and somebody to tell what
// was used. The configured broker, else the one of this host; without either there is nothing to serve with.

import { authBrokerLease } from "#broker";
import {
  BrokerClient,
  type BrokerConnection,
  LimitFeed,
  ObservedUsage,
  openSnapshotCache,
  readInstallId,
  RemoteUsage,
  RemoteVault,
} from "#broker/client";
import { type Config, type Environment, homeDirectory, type Logger } from "#platform";
import { findBroker } from "./broker-connection.ts";
import { CliError, EXIT_CODES } from "./cli-error.ts";

/** How a gateway names itself where clients' usage is listed. */
export const GATEWAY_APP_NAME = "parley-gateway";

/** The world of one command. */
export interface GatewayWorld {
  readonly config: Config;
  readonly env: Environment;
  readonly log: Logger;
}

/** A broker in use. */
export interface GatewayBroker {
  readonly url: string;
  readonly vault: RemoteVault;
  readonly usage: ObservedUsage;
  readonly limits: LimitFeed;
  /** How much of each account's allowance is used. */
  readonly allowances: RemoteUsage;
  /** Tells what is left to tell, and stops following. */
  stop(): Promise<void>;
}

/** Opens it. Throws CliError `no_broker` and `broker_unreachable`, and what reading the configuration throws. */
export async function openGatewayBroker(world: GatewayWorld): Promise<GatewayBroker> {
  const { config, env, log } = world;
  const connection = await findBroker(config, env);
  const installId = readInstallId(homeDirectory(env));
  const { client, vault } = await openVault(connection, world);
  const usage = new ObservedUsage({ client, installId, app: GATEWAY_APP_NAME, log });
  const limits = new LimitFeed({ client, log });
  const allowances = new RemoteUsage({ client, log });
  const stop = async () => {
    limits.stop();
    await usage.stop();
    await vault.stop();
  };
  return { url: connection.url, vault, usage, limits, allowances, stop };
}

async function openVault(connection: BrokerConnection, { config, env, log }: GatewayWorld) {
  const isLeaseOnly = config.get(authBrokerLease);
  try {
    const client = new BrokerClient({ ...connection, isLeaseOnly });
    const cache = openSnapshotCache(config, env, { ...connection, isLeaseOnly, log });
    return { client, vault: await RemoteVault.open(client, { cache, log }) };
  } catch (cause) {
    throw unusable(connection.url, cause);
  }
}

function unusable(url: string, cause: unknown): CliError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CliError("broker_unreachable", `The broker at ${url} cannot be used: ${reason}`, {
    exitCode: EXIT_CODES.unreachable,
    hint: "Start one with `agent auth-broker serve`, or set auth.broker.url and auth.broker.token.",
    cause,
  });
}
