// Brings a gateway up from a configuration: providers, keys, listener.
// Refuses to start with an incomplete provider or beyond loopback without a token.

import type { CredentialSource } from "#broker/client";
import {
  createOutbound,
  homeDirectory,
  matchToken,
  parseBindAddress,
  readOrCreateToken,
  registerSecret,
  serveHttp,
  unauthenticated,
  type Config,
  type Environment,
  type Logger,
  type LogLevel,
} from "#platform";
import {
  gatewayBind,
  gatewayCorsOrigins,
  gatewayFailoverTimeoutMs,
  gatewayHeadersTimeoutMs,
  gatewayHostedTools,
  gatewayIdleTimeoutMs,
  gatewayKeepAliveMs,
  gatewayMaxAttempts,
  gatewayMaxBodyBytes,
  gatewayMaxInFlight,
  gatewayNoAuth,
  gatewayRoutes,
  gatewaySimulator,
  gatewayTrustedHosts,
  providersKey,
} from "./config.ts";
import { ReasoningMemory } from "./continuation/reasoning-memory.ts";
import { type ReasoningKeeper, ReasoningStore } from "./continuation/reasoning-store.ts";
import { ResponseStore } from "./continuation/response-store.ts";
import {
  gatewayResponseStore,
  gatewayResponseStoreMaxBytes,
  gatewayResponseStoreMaxEntries,
  gatewayResponseStoreTtlMs,
  gatewayWebSocket,
} from "./continuation/responses-config.ts";
import { CredentialCheck } from "./credentials/credential-check.ts";
import { Dash, DASH_PAGES } from "./dash/dash.ts";
import { GATEWAY_TOKEN_PREFIX, gatewayTokenPath } from "./gateway-token.ts";
import {
  gatewayAdminBind,
  gatewayLedgerDays,
  gatewayPolicy,
  gatewayPrices,
} from "./keys/config.ts";
import { serveAdmin } from "./keys/admin-server.ts";
import { openKeys } from "./keys/open-keys.ts";
import { InFlight } from "./http/in-flight.ts";
import { newId } from "./new-id.ts";
import { ModelCatalog } from "./models/catalog.ts";
import { ModelDiscovery } from "./models/discovery.ts";
import { type Observation, openObservation } from "./observability/observation.ts";
import type { ObserveLimits } from "./pipeline/dispatch.ts";
import { ExchangedKeys } from "./pipeline/exchanged-keys.ts";
import { KeyLeases } from "./pipeline/lease.ts";
import { OWNER } from "./pipeline/caller.ts";
import { openRouter, type RoutingNews } from "./routing/open-router.ts";
import type { AskUsage } from "./routing/headroom.ts";
import type { ObserveUse } from "./pipeline/observers.ts";
import { type PriceOf, priceList } from "./pricing/prices.ts";
import { builtInProviders } from "./providers/index.ts";
import {
  describeProvider,
  ProviderConfigError,
  type ProviderConfig,
} from "./providers/operator.ts";
import { findOwnAddress, withoutVariables } from "./providers/own-address.ts";
import { baseUrlFrom, type Provider } from "./providers/provider.ts";
import { guardUpstreams } from "./providers/trusted-hosts.ts";
import { simulatorsOfOneFormat } from "./providers/simulator.ts";
import { createGatewayApp, refusedResponse, type ServerParts } from "./server.ts";
import { Tokenizer } from "./tokens/tokenizer.ts";

/** A running gateway. */
export interface Gateway {
  readonly url: string;
  readonly port: number;
  /** Bearer of its clients; empty where none is needed. */
  readonly token: string;
  /** Ids of providers that have a key now. */
  readonly providers: readonly string[];
  stop(): Promise<void>;
}

/** What a gateway is started from. */
export interface StartGatewayOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly log: Logger;
  readonly credentials: CredentialSource;
  /** Keys the environment offers, by provider id; used, never stored. */
  readonly environmentKeys: ReadonlyMap<string, string>;
  /** Told of each answered request that used one of those credentials. */
  readonly observe?: ObserveUse;
  /** Told of the headers of each answer, a refusal included, that was got with one of those credentials. */
  readonly observeLimits?: ObserveLimits;
  /** How much of each account's allowance is used; asked rarely, and never waited for. */
  readonly askUsage?: AskUsage;
  /** How workers log, and what takes their lines; without it they do not. */
  readonly workerLog?: {
    readonly level: LogLevel;
    readonly isPretty: boolean;
    readonly write: (lines: string) => void;
  };
}

/** What a process that serves has for itself, or shares with others that serve beside it. */
export interface GatewayState extends Pick<
  ServerParts,
  | "admission"
  | "authenticate"
  | "inFlight"
  | "policy"
  | "readUsage"
  | "responseStore"
  | "scrape"
  | "socketPlaces"
> {
  readonly observation: Observation;
  readonly reasoning: ReasoningKeeper;
  /** Present where other processes listen on the same port. */
  readonly beside?: {
    readonly tell: (news: RoutingNews) => void;
    /** Called once, with what takes the news of the others. */
    readonly hear: (learn: (news: RoutingNews) => void) => void;
  };
  stop(): Promise<void>;
}

/** What a state is opened with. */
export interface StateOptions extends StartGatewayOptions {
  readonly catalog: ModelCatalog;
  readonly priceOf: PriceOf;
  readonly isOwner: (candidate: string) => boolean;
  readonly nowMs: () => number;
}

/** Starts listening, alone. Throws for a busy port, a public bind, an incomplete provider. */
export function startGateway(options: StartGatewayOptions): Promise<Gateway> {
  return serve(options, openOwnState);
}

/** Starts listening with a state. Throws as startGateway does, and what opening the state throws. */
export async function serve(
  options: StartGatewayOptions,
  openState: (options: StateOptions) => Promise<GatewayState>,
): Promise<Gateway> {
  const { config, env, log, credentials, environmentKeys, observeLimits, askUsage } = options;
  const all = upstreamsOf(options);
  for (const key of environmentKeys.values()) registerSecret(key);
  const overrides = config.get(providersKey);
  const listed = config.get(gatewayTrustedHosts);
  const outbound = createOutbound({ guard: guardUpstreams(all, { listed, log }) });
  const exchanged = new ExchangedKeys({ outbound, nowMs });
  const leases = new KeyLeases({
    providers: overrides,
    broker: credentials,
    environmentKeys,
    env,
    exchanged,
  });
  const isUsable = (provider: Provider) => leases.hasKey(provider);
  const isOpen = config.get(gatewayNoAuth);
  const token = isOpen ? "" : readOrCreateToken(gatewayTokenPath(env), GATEWAY_TOKEN_PREFIX);
  const isOwner = isOpen ? () => false : matchToken(token);
  const discovery = new ModelDiscovery({ outbound, leases, nowMs, log });
  const routes = config.get(gatewayRoutes);
  const catalog = new ModelCatalog(all, { isUsable, discovery, routes });
  const priceOf = priceList(config.get(gatewayPrices));
  const state = await openState({ ...options, catalog, priceOf, isOwner, nowMs });
  const { observation, beside } = state;
  const routing = openRouter({
    catalog,
    leases,
    credentials,
    limits: {
      maxAttempts: config.get(gatewayMaxAttempts),
      failoverTimeoutMs: config.get(gatewayFailoverTimeoutMs),
    },
    askUsage,
    nowMs,
    onRest: observation.countRest,
    tell: beside?.tell,
    log,
  });
  beside?.hear(routing.learn);
  const tokenizer = new Tokenizer();
  const limits = {
    headersTimeoutMs: config.get(gatewayHeadersTimeoutMs),
    idleTimeoutMs: config.get(gatewayIdleTimeoutMs),
  };
  const checked = { providers: all, leases, outbound, limits, newId, nowMs, log };
  const home = homeDirectory(env);
  const dash = new Dash({ home, isOwner, isOpen, nowMs });
  const app = createGatewayApp({
    ...state,
    dash,
    catalog,
    router: routing.router,
    observers: [routing.observe, ...observation.observers],
    ...(isOpen && { stranger: OWNER }),
    outbound,
    limits,
    credentialCheck: new CredentialCheck(checked),
    watchPace: observation.watchPace,
    ...(observation.beginTrace && { beginTrace: observation.beginTrace }),
    keepAliveMs: config.get(gatewayKeepAliveMs),
    hostedTools: config.get(gatewayHostedTools),
    reasoning: new ReasoningMemory(state.reasoning),
    countText: tokenizer.count,
    hasSockets: config.get(gatewayWebSocket),
    newId,
    nowMs,
    observeLimits: (id, headers) => {
      routing.observeLimits(id, headers);
      observeLimits?.(id, headers);
    },
    metrics: observation.metrics,
    log,
  });
  const server = await orStop(state, () =>
    serveHttp({
      bind: parseBindAddress(config.get(gatewayBind)),
      sharesPort: beside !== undefined,
      admit: app.admit,
      fetch: app.fetch,
      hasToken: !isOpen,
      ...(isOpen && { [unauthenticated]: true as const }),
      pages: DASH_PAGES,
      maxBodyBytes: config.get(gatewayMaxBodyBytes),
      unpacksBodies: true,
      allowedOrigins: config.get(gatewayCorsOrigins),
      ...(config.get(gatewayWebSocket) && {
        sockets: {
          maxMessageBytes: config.get(gatewayMaxBodyBytes),
          maxSockets: config.get(gatewayMaxInFlight),
        },
      }),
      refuse: (refusal, request) => refusedResponse(refusal, request, newId),
      log,
    }),
  );
  if (isOpen && !beside)
    log.warn("anybody on this machine may use this gateway: it asks for no key");
  return {
    url: server.url,
    port: server.port,
    token,
    providers: all.filter(isUsable).map((provider) => provider.id),
    stop: async () => {
      await server.stop();
      dash.stop();
      await state.stop();
      tokenizer.stop();
    },
  };
}

/** Everything in this process, and the administrator's server beside it. */
async function openOwnState(options: StateOptions): Promise<GatewayState> {
  const { config, env, isOwner, log } = options;
  const rules = config.get(gatewayPolicy);
  const ledgerDays = config.get(gatewayLedgerDays);
  const money = openKeys({ ...options, home: homeDirectory(env), rules, ledgerDays });
  const observation = await orStop(money, () =>
    openObservation({ ...options, observe: options.observe }),
  );
  const parts = { keys: money.keys, isOwner, log };
  const opened = {
    stop: async () => {
      await observation.stop();
      money.stop();
    },
  };
  const admin = await orStop(opened, () => serveAdmin(config.get(gatewayAdminBind), parts));
  const { authenticate, policy, admission, readUsage } = money;
  return {
    authenticate,
    policy,
    admission,
    readUsage,
    observation: { ...observation, observers: [money.observe, ...observation.observers] },
    inFlight: new InFlight(config.get(gatewayMaxInFlight)),
    reasoning: new ReasoningStore({ nowMs }),
    ...openResponseStore(config),
    stop: async () => {
      await admin?.stop();
      await opened.stop();
    },
  };
}

/** The upstreams of a configuration; warns of those that point back at this gateway. Throws for an incomplete one. */
export function upstreamsOf({
  config,
  env,
  log,
}: Pick<StartGatewayOptions, "config" | "env" | "log">): readonly Provider[] {
  const bind = parseBindAddress(config.get(gatewayBind));
  const own = findOwnAddress(builtInProviders, env, bind);
  for (const name of own) log.warn(`${name} points at this gateway and is ignored here`);
  const hasSimulator = config.get(gatewaySimulator);
  return listProviders(config.get(providersKey), withoutVariables(env, own), { hasSimulator });
}

async function orStop<T>(
  opened: { stop(): Promise<void> | void },
  start: () => T | Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    await opened.stop();
    throw error;
  }
}

/** The store of kept responses, where they are kept. */
export function openResponseStore(config: Config): { responseStore?: ResponseStore } {
  if (!config.get(gatewayResponseStore)) return {};
  const limits = {
    maxEntries: config.get(gatewayResponseStoreMaxEntries),
    maxBytes: config.get(gatewayResponseStoreMaxBytes),
    ttlMs: config.get(gatewayResponseStoreTtlMs),
  };
  return { responseStore: new ResponseStore(limits, { nowMs }) };
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Built-in providers with the operator's overrides, then the operator's own; of those that are only served on demand,
 * the demanded ones. Throws for an incomplete one.
 */
export function listProviders(
  overrides: Readonly<Record<string, ProviderConfig>>,
  env: Environment,
  { hasSimulator }: { hasSimulator: boolean },
): readonly Provider[] {
  const builtIn: readonly Provider[] = builtInProviders.filter(
    (provider) => hasSimulator || provider.id !== "sim",
  );
  const known = hasSimulator ? [...builtIn, ...simulatorsOfOneFormat] : builtIn;
  const ids = new Set(known.map((provider) => provider.id));
  const described = known
    .filter((provider) => isAskedFor(provider, overrides[provider.id], env))
    .map((provider) => withOverrides(provider, overrides[provider.id], env));
  const own = Object.entries(overrides)
    .filter(([id]) => !ids.has(id))
    .map(([id, config]) => describeProvider(id, config, undefined));
  return [...described, ...own];
}

function isAskedFor(
  provider: Provider,
  config: ProviderConfig | undefined,
  env: Environment,
): boolean {
  const { id, name, isServedWith, baseUrlEnv } = provider;
  if (isServedWith === undefined || baseUrlFrom(provider, env) !== undefined) return true;
  if (config !== undefined && isServedWith === "address" && config.baseUrl === undefined) {
    const variable = baseUrlEnv ? `, or ${baseUrlEnv} set` : "";
    throw new ProviderConfigError(
      `providers.${id}: baseUrl missing. ${name} has no address of its own: it must be given${variable}.`,
    );
  }
  return config !== undefined;
}

function withHeaders(provider: Provider, env: Environment): Provider {
  const given = Object.entries(provider.headerVariables ?? {}).flatMap(([header, variable]) => {
    const value = env[variable]?.trim() ?? "";
    if (!/^[\x20-\x7e]*$/.test(value)) {
      throw new ProviderConfigError(`${variable}: a header's value is printable ASCII.`);
    }
    return value === "" ? [] : [[header, value] as const];
  });
  if (given.length === 0) return provider;
  return { ...provider, headers: { ...Object.fromEntries(given), ...provider.headers } };
}

// The vendor's variable is more specific to this run than a file, so it wins, as it does in the vendor's SDK.
function withOverrides(
  provider: Provider,
  config: ProviderConfig | undefined,
  env: Environment,
): Provider {
  const described = withHeaders(
    config ? describeProvider(provider.id, config, provider) : provider,
    env,
  );
  const baseUrl = baseUrlFrom(described, env);
  if (baseUrl === undefined) return described;
  if (provider.isServedWith && !URL.canParse(baseUrl)) {
    throw new ProviderConfigError(
      `${provider.baseUrlEnv}: "${baseUrl}" is no http or https URL; ${provider.name} would be called there.`,
    );
  }
  return { ...described, baseUrl };
}
