// Brings a broker up in this process: vault, token file, listener, refresher; and takes it down in reverse.
// Refuses to listen before the vault has proved that it opens.

import {
  type Config,
  type Environment,
  homeDirectory,
  type Logger,
  parseBindAddress,
  readOrCreateToken,
  serveHttp,
  systemClock,
  VERSION,
} from "#platform";
import { BROKER_TOKEN_PREFIX } from "./access/client-tokens.ts";
import { brokerTokenPath } from "./client/connection.ts";
import { brokerBind } from "./config.ts";
import { openRegistry } from "./oauth/registry.ts";
import { Refresher } from "./refresh/refresher.ts";
import { createBrokerApp, MAX_UPLOAD_BYTES } from "./server.ts";
import { openVault, type OpenVaultOptions } from "./vault/open-vault.ts";
import type { Vault } from "./vault/vault.ts";

/** What a broker is started with. */
export interface StartBrokerOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly log: Logger;
  readonly nowMs?: () => number;
  /** Asks for the vault's passphrase where one is needed and a person is there. */
  readonly askPassphrase?: OpenVaultOptions["askPassphrase"];
}

/** A running broker. */
export interface Broker {
  readonly url: string;
  readonly port: number;
  /** The bearer its clients must send. */
  readonly token: string;
  /** Its vault, for consumers in the same process. */
  readonly vault: Vault;
  /** Finishes what is in flight, then closes listener and vault. */
  stop(): Promise<void>;
}

/** Starts a broker. Throws BrokerError for its vault, and the platform's errors for the rest. */
export async function startBroker(options: StartBrokerOptions): Promise<Broker> {
  const { config, env, log, nowMs = Date.now, askPassphrase } = options;
  const home = homeDirectory(env);
  const vault = await openVault({ config, env, nowMs, askPassphrase });
  const refresher = new Refresher({
    vault,
    home,
    env,
    log,
    providers: openRegistry(config).find,
    ...(options.nowMs && { clock: { ...systemClock, nowMs } }),
  });
  try {
    const token = readOrCreateToken(brokerTokenPath(home), BROKER_TOKEN_PREFIX);
    const broker = serve(vault, refresher, { token, config, log, nowMs });
    refresher.start();
    return broker;
  } catch (error) {
    vault.close();
    throw error;
  }
}

function serve(
  vault: Vault,
  refresher: Refresher,
  {
    token,
    config,
    log,
    nowMs,
  }: { token: string; config: Config; log: Logger; nowMs: () => number },
): Broker {
  const app = createBrokerApp({ vault, token, version: VERSION, log, nowMs });
  const server = serveHttp({
    bind: parseBindAddress(config.get(brokerBind)),
    fetch: (request, control) => app.fetch(request, control),
    hasToken: true,
    maxBodyBytes: MAX_UPLOAD_BYTES,
    refuse: ({ status, message }) => Response.json({ error: message }, { status }),
    log,
  });
  const stop = async () => {
    app.close();
    await server.stop();
    await refresher.stop();
    vault.close();
  };
  return { url: server.url, port: server.port, token, vault, stop };
}
