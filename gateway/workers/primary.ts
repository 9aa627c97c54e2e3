// A gateway of several processes: the primary owns what must be one (keys, till, ledger, access log, the broker) and
// serves no request itself; workers listen together on one address and ask it. Refuses to start where the system does
// not share out a port's connections.

import {
  type BindAddress,
  configValues,
  formatBindAddress,
  matchToken,
  parseBindAddress,
  readOrCreateToken,
  registerSecret,
  serveHttp,
  unauthenticated,
} from "#platform";
import { gatewayBind, gatewayKeys, gatewayNoAuth, gatewayWorkers } from "../config.ts";
import { GATEWAY_TOKEN_PREFIX, gatewayTokenPath } from "../gateway-token.ts";
import { serveAdmin } from "../keys/admin-server.ts";
import { gatewayAdminBind } from "../keys/config.ts";
import { builtInProviders } from "../providers/index.ts";
import { findOwnAddress, withoutVariables } from "../providers/own-address.ts";
import type { RoutingNews } from "../routing/open-router.ts";
import { type Gateway, type StartGatewayOptions, upstreamsOf } from "../start.ts";
import { CredentialFeed } from "./credential-feed.ts";
import { openSharedServices, type SharedServices } from "./shared-services.ts";
import { WorkerDesk } from "./worker-desk.ts";
import { WorkerHandle, type WorkerReady } from "./worker-handle.ts";
import { WorkerPool } from "./worker-pool.ts";

/** How long the workers may take to take note of something, in ms, before a caller's answer goes out without it. */
export const NOTICE_TIMEOUT_MS = 1_000;

/** Several workers were asked for where there can be one only. */
export class WorkersUnsupported extends Error {
  readonly code = "workers_unsupported";
  readonly fix = "Set gateway.workers to 1, or leave --workers out.";

  constructor(count: number, platform: string) {
    super(`gateway.workers is ${count}: several workers need Linux, and this is ${platform}`);
  }
}

/** Starts the workers and what they share. Throws as a single gateway does, and for another system than Linux. */
export async function startPrimary(
  options: StartGatewayOptions,
  { platform = process.platform }: { platform?: string } = {},
): Promise<Gateway> {
  const { config } = options;
  if (platform !== "linux") throw new WorkersUnsupported(config.get(gatewayWorkers), platform);
  const providers = upstreamsOf(options).map(({ id }) => id);
  for (const key of options.environmentKeys.values()) registerSecret(key);
  const bind = await freeAddress(options);
  const services = openSharedServices(options);
  try {
    return await startWorkers(options, { services, providers, bind });
  } catch (error) {
    services.stop();
    throw error;
  }
}

interface Opened {
  readonly services: SharedServices;
  readonly providers: readonly string[];
  /** With the port that is really listened on. */
  readonly bind: BindAddress;
}

async function startWorkers(options: StartGatewayOptions, opened: Opened): Promise<Gateway> {
  const { config, env, log } = options;
  const { services } = opened;
  const isOpen = config.get(gatewayNoAuth);
  const token = isOpen ? "" : readOrCreateToken(gatewayTokenPath(env), GATEWAY_TOKEN_PREFIX);
  const { pool, feed } = openPool(options, opened);
  const admin = serveAdmin(config.get(gatewayAdminBind), {
    keys: services.money.keys,
    isOwner: isOpen ? () => false : matchToken(token),
    onChange: () =>
      pool.askAll(({ channel }) => channel.ask("lookAtKeys", null), NOTICE_TIMEOUT_MS),
    log,
  });
  const stop = async () => {
    await admin?.stop();
    await pool.stop();
    feed.stop();
  };
  try {
    const { url, providers } = await pool.start();
    if (isOpen) log.warn("anybody on this machine may use this gateway: it asks for no key");
    log.info("workers serve", { workers: config.get(gatewayWorkers), url });
    return {
      url,
      port: opened.bind.port,
      token,
      providers,
      stop: async () => {
        await stop();
        services.stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function openPool(options: StartGatewayOptions, { services, providers, bind }: Opened) {
  const { config, env, credentials, log, workerLog = QUIET } = options;
  const count = config.get(gatewayWorkers);
  const desks = new Map<WorkerHandle, WorkerDesk>();
  const feed = new CredentialFeed({
    source: credentials,
    providers,
    onChange: (held) => {
      for (const { channel } of pool.living) channel.tell("credentials", held);
    },
  });
  const desk = {
    ...options,
    services,
    collectReports: () =>
      pool.askAll(({ channel }) => channel.ask("report", null), NOTICE_TIMEOUT_MS),
    tellOthers: (news: RoutingNews, except: WorkerHandle) => {
      for (const worker of pool.living) if (worker !== except) worker.channel.tell("news", news);
    },
    lookAtCredentials: () => feed.look(),
  };
  // Variables that point back here were warned of once, and are not shown to the workers.
  const workerEnv = withoutVariables(env, findOwnAddress(builtInProviders, env, bind));
  const handlers = (worker: WorkerHandle) => {
    const opened = new WorkerDesk(worker, desk);
    desks.set(worker, opened);
    return opened.handlers;
  };
  const pool: WorkerPool<WorkerHandle, WorkerReady> = new WorkerPool({
    count,
    spawn: (number) =>
      new WorkerHandle({ number, env: workerEnv, writeLog: workerLog.write, handlers, log }),
    start: (worker) =>
      worker.start({
        worker: worker.number,
        config: {
          ...configValues(config, gatewayKeys),
          [gatewayBind.name]: formatBindAddress(bind),
        },
        log: { level: workerLog.level, isPretty: workerLog.isPretty },
        environmentKeys: [...options.environmentKeys],
        credentials: feed.current(),
        canRefresh: credentials.refresh !== undefined,
        asksAllowances: options.askUsage !== undefined,
      }),
    onGone: (worker, isWanted) => {
      desks.get(worker)?.close({ isWanted });
      desks.delete(worker);
    },
    log,
  });
  return { pool, feed };
}

const QUIET: NonNullable<StartGatewayOptions["workerLog"]> = {
  level: "silent",
  isPretty: false,
  write: () => {},
};

/** Listens alone for a moment: workers share the port with one another, and with nobody else. */
async function freeAddress({ config, log }: StartGatewayOptions): Promise<BindAddress> {
  const bind = parseBindAddress(config.get(gatewayBind));
  const isOpen = config.get(gatewayNoAuth);
  const server = serveHttp({
    bind,
    fetch: () => new Response(null, { status: 503 }),
    refuse: () => new Response(null, { status: 503 }),
    hasToken: !isOpen,
    ...(isOpen && { [unauthenticated]: true as const }),
    log,
  });
  await server.stop({ graceMs: 0 });
  return { hostname: bind.hostname, port: server.port };
}
