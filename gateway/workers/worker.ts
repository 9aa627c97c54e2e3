// One worker: a gateway that keeps nothing for itself. It serves like any other; what must be counted once for all
// workers is asked of the primary. Refuses to serve without one.

import type { z } from "zod";
import {
  adoptConfig,
  bufferLines,
  createLogger,
  type Environment,
  hardenProcess,
  homeDirectory,
  type Logger,
  VERSION,
  writeStderrSync,
} from "#platform";
import { gatewayAccessLog, gatewayKeys, gatewayMaxInFlight, gatewayWorkers } from "../config.ts";
import { gatewayResponseStore } from "../continuation/responses-config.ts";
import { gatewayPolicy, gatewayPrices } from "../keys/config.ts";
import { type OpenKeys, openKeysBeside } from "../keys/open-keys.ts";
import { type Observation, openObservation } from "../observability/observation.ts";
import { priceList } from "../pricing/prices.ts";
import type { RoutingNews } from "../routing/open-router.ts";
import { type Gateway, type GatewayState, serve, type StateOptions } from "../start.ts";
import { Channel } from "./channel.ts";
import { LeasedPlaces } from "./leased-places.ts";
import { MirroredCredentials } from "./mirrored-credentials.ts";
import { portionOf } from "./place-pool.ts";
import { PRIMARY, type PlaceKind, WORKER } from "./protocol.ts";
import { RemoteReasoning } from "./remote-reasoning.ts";
import { RemoteResponses } from "./remote-responses.ts";
import { RemoteTill } from "./remote-till.ts";
import { ReportBatch } from "./report-batch.ts";

type Settings = z.output<(typeof WORKER)["start"]["asks"]>;

/** What a worker runs in. */
export interface WorkerWorld {
  readonly env: Environment;
  /** Sends a message to the primary; throws when it is gone. */
  readonly send: (message: unknown) => void;
}

/** One worker; serves once it is told to start. */
export class Worker {
  readonly #env: Environment;
  readonly #channel: Channel<typeof WORKER, typeof PRIMARY>;
  #log: Logger | undefined;
  #credentials: MirroredCredentials | undefined;
  #reports: ReportBatch | undefined;
  #places: Readonly<Record<PlaceKind, LeasedPlaces>> | undefined;
  #keys: OpenKeys | undefined;
  #observation: Observation | undefined;
  #learn: ((news: RoutingNews) => void) | undefined;
  #gateway: Gateway | undefined;

  constructor({ env, send }: WorkerWorld) {
    this.#env = env;
    this.#channel = new Channel({
      own: WORKER,
      other: PRIMARY,
      send,
      onError: (error) =>
        this.#log?.error("a message of the primary was not understood", { error }),
      handlers: {
        start: (settings) => this.#start(settings),
        credentials: (held) => told(this.#credentials?.learn(held)),
        news: (news) => told(this.#learn?.(news)),
        lookAtKeys: () => told(this.#keys?.keys.lookAgain()),
        metrics: () => this.#observation?.metrics.snapshot() ?? [],
        report: () => told(this.#reports?.flush()),
        yieldPlaces: ({ kind }) => this.#places?.[kind].yield() ?? 0,
        stop: async () => told(await this.#gateway?.stop()),
      },
    });
  }

  /** Tells the primary that there is somebody. */
  introduce(): void {
    this.#channel.tell("hello", { version: VERSION });
  }

  /** Takes a message of the primary. */
  receive(message: unknown): void {
    this.#channel.receive(message);
  }

  async #start(settings: Settings): Promise<{ url: string; providers: string[] }> {
    const log = openLog(settings);
    this.#log = log;
    const channel = this.#channel;
    const config = adoptConfig(gatewayKeys, settings.config);
    const { canRefresh, asksAllowances, environmentKeys } = settings;
    const credentials = new MirroredCredentials(channel, { canRefresh });
    credentials.learn(settings.credentials);
    this.#credentials = credentials;
    const reports = new ReportBatch({
      priceOf: priceList(config.get(gatewayPrices)),
      keepsLog: config.get(gatewayAccessLog),
      send: (report) => channel.tell("report", report),
    });
    this.#reports = reports;
    await hardenProcess();
    const askUsage = () => channel.ask("allowances", null).catch(() => null);
    const options = {
      config,
      env: this.#env,
      log,
      credentials,
      observe: reports.use,
      observeLimits: reports.limits,
      ...(asksAllowances && { askUsage }),
      environmentKeys: new Map(environmentKeys),
    };
    const gateway = await serve(options, (given) => this.#openState(given, reports));
    this.#gateway = gateway;
    return { url: gateway.url, providers: [...gateway.providers] };
  }

  async #openState(options: StateOptions, reports: ReportBatch): Promise<GatewayState> {
    const { config, env } = options;
    const channel = this.#channel;
    const places = {
      requests: this.#lease("requests", config),
      sockets: this.#lease("sockets", config),
    };
    this.#places = places;
    const home = homeDirectory(env);
    const rules = config.get(gatewayPolicy);
    const keys = openKeysBeside(new RemoteTill(channel), { ...options, home, rules });
    this.#keys = keys;
    const observation = await openObservation({
      ...options,
      observe: options.observe,
      recordElsewhere: reports.record,
    });
    this.#observation = observation;
    const { authenticate, policy, admission } = keys;
    return {
      authenticate,
      policy,
      admission,
      observation,
      readUsage: ({ id, rotatedAtMs = null }, sinceMs) =>
        channel.ask("usage", { keyId: id, rotatedAtMs, sinceMs }),
      scrape: () => channel.ask("scrape", null),
      inFlight: places.requests,
      socketPlaces: places.sockets,
      ...(config.get(gatewayResponseStore) && { responseStore: new RemoteResponses(channel) }),
      reasoning: new RemoteReasoning(channel),
      beside: {
        tell: (news) => channel.tell("news", news),
        hear: (learn) => {
          this.#learn = learn;
        },
      },
      stop: async () => {
        await observation.stop();
        reports.flush();
        keys.stop();
      },
    };
  }

  #lease(kind: PlaceKind, config: StateOptions["config"]): LeasedPlaces {
    const max = config.get(gatewayMaxInFlight);
    return new LeasedPlaces({
      max,
      keep: 2 * portionOf(max, config.get(gatewayWorkers)),
      ask: () => this.#channel.ask("place", { kind }),
      giveBack: (count) => this.#channel.tell("places", { kind, count }),
    });
  }
}

/** The answer to what needs none. */
function told(_done: unknown): null {
  return null;
}

function openLog({ log: { level, isPretty }, worker }: Settings): Logger {
  const write = bufferLines((text) => void process.stderr.write(text), {
    writeLast: writeStderrSync,
  });
  return createLogger({ level, isPretty, write }).child({ worker });
}
