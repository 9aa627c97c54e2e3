// Brings a broker up in this process: vault, audit log, tokens, refresher, listener; and takes it down in reverse.
// Refuses to listen before the vault has proved that it opens.

import {
  type Config,
  createOutbound,
  type Environment,
  homeDirectory,
  type Logger,
  Metrics,
  readOrCreateToken,
  SteadyClock,
  systemClock,
  VERSION,
} from "#platform";
import { AuditLog } from "./access/audit-log.ts";
import { Authenticator } from "./access/authenticator.ts";
import { BROKER_TOKEN_PREFIX, ClientTokens } from "./access/client-tokens.ts";
import { brokerTokenPath } from "./client/connection.ts";
import type { CredentialSource } from "./client/credential-source.ts";
import { createBrokerApp } from "./http/app.ts";
import { listen } from "./http/listener.ts";
import { openRegistry } from "./oauth/registry.ts";
import { Refresher } from "./refresh/refresher.ts";
import { type LocalReports, localReports } from "./usage/local-reports.ts";
import { ObservedUsageLog } from "./usage/observed-usage.ts";
import { UsageMonitor } from "./usage/usage-monitor.ts";
import { openVault, type OpenVaultOptions } from "./vault/open-vault.ts";
import type { Vault } from "./vault/vault.ts";
import { VaultCredentials } from "./vault/vault-credentials.ts";

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
  /** The Unix socket for clients of this host; absent when none is served. */
  readonly socketPath?: string;
  /** The bearer of its owner. */
  readonly token: string;
  readonly vault: Vault;
  /** What it holds, for consumers in the same process. */
  readonly credentials: CredentialSource;
  /** Where a gateway in the same process tells what was used. */
  readonly reports: LocalReports;
  /** Finishes what is in flight, then closes listener and vault. */
  stop(): Promise<void>;
}

type Closing = (() => void | Promise<void>)[];

/** Starts a broker. Throws BrokerError for its vault, and the platform's errors for the rest. */
export async function startBroker(options: StartBrokerOptions): Promise<Broker> {
  const { config, env, nowMs = Date.now, askPassphrase } = options;
  const vault = await openVault({ config, env, nowMs, askPassphrase });
  const closing: Closing = [() => vault.close()];
  try {
    return await serve(vault, options, closing);
  } catch (error) {
    await closeAll(closing);
    throw error;
  }
}

async function serve(vault: Vault, options: StartBrokerOptions, closing: Closing): Promise<Broker> {
  const { config, env, log, nowMs = Date.now } = options;
  const home = homeDirectory(env);
  const token = readOrCreateToken(brokerTokenPath(home), BROKER_TOKEN_PREFIX);
  const audit = AuditLog.open(home, { index: vault.file.index, nowMs });
  closing.push(() => audit.close());
  const tokens = new ClientTokens(vault.file, { nowMs });
  closing.push(() => tokens.close());
  const gate = openGate({ token, tokens, audit, log });
  closing.push(() => gate.close());
  const refresher = openRefresher(vault, options);
  closing.push(() => refresher.stop());
  const usage = openUsageMonitor(vault, refresher, options);
  const metrics = new Metrics();
  const services = { vault, gate, tokens, audit, refresher, usage, metrics, log, nowMs };
  const app = createBrokerApp({ ...services, version: VERSION });
  closing.push(() => app.close());
  const server = await listen(app, { config, home, log });
  // Held requests are let go first, or the server would wait for them.
  closing.splice(-1, 0, () => server.stop());
  // Nor may it wait for a provider.
  closing.push(() => usage.stop());
  refresher.start();
  const { url, port, socketPath } = server;
  const place = { url, port, ...(socketPath !== undefined && { socketPath }) };
  const observed = new ObservedUsageLog(vault.file.database);
  const reports = localReports({ vault, usage, observed, nowMs });
  const credentials = new VaultCredentials(vault, {
    refresh: (id) => refresher.refresh(id),
    nowMs,
  });
  return { ...place, token, vault, credentials, reports, stop: () => closeAll(closing) };
}

function openGate({
  token,
  tokens,
  audit,
  log,
}: {
  token: string;
  tokens: ClientTokens;
  audit: AuditLog;
  log: Logger;
}): Authenticator {
  return new Authenticator({
    ownerToken: token,
    tokens,
    record: (event) => {
      // Nothing is given out here, so nothing has to wait for the record.
      audit.record(event).catch((error: unknown) => log.error("not recorded", { error }));
    },
  });
}

function openRefresher(vault: Vault, { config, env, log, nowMs }: StartBrokerOptions): Refresher {
  return new Refresher({
    vault,
    home: homeDirectory(env),
    env,
    log,
    providers: openRegistry(config).find,
    ...(nowMs && { clock: { ...systemClock, nowMs } }),
  });
}

function openUsageMonitor(
  vault: Vault,
  refresher: Refresher,
  { config, log, nowMs }: StartBrokerOptions,
): UsageMonitor {
  const registry = openRegistry(config);
  const clock = new SteadyClock();
  return new UsageMonitor({
    vault,
    findProvider: (id) => registry.find(id)?.descriptor,
    fresh: (id) => refresher.refresh(id),
    outbound: createOutbound(),
    log,
    nowMs: nowMs ?? (() => clock.nowMs()),
  });
}

// The last to come is the first to go; each once, however often it is asked for.
async function closeAll(closing: Closing): Promise<void> {
  for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close();
}
