// The broker over HTTP: who calls is settled first, then whether the route may be used, then the route answers.
// Refuses everything else without a hint of what is there, and records each refusal.

import {
  type CounterMetric,
  type Logger,
  type Metrics,
  readBearer,
  type RequestControl,
} from "#platform";
import type { BrokerHealth } from "#wire";
import type { Context } from "hono";
import { Hono } from "hono/tiny";
import { type AuditEvent, credentialsTarget } from "../access/audit-event.ts";
import type { AuditLog } from "../access/audit-log.ts";
import type { Authenticator } from "../access/authenticator.ts";
import type { ClientTokens } from "../access/client-tokens.ts";
import { allows } from "../access/permissions.ts";
import { actorOf, type Principal } from "../access/principal.ts";
import type { Refresher } from "../refresh/refresher.ts";
import { GenerationWatch } from "../snapshot/generation-watch.ts";
import { StreamHub } from "../snapshot/stream-hub.ts";
import { ObservedUsageLog } from "../usage/observed-usage.ts";
import type { Vault } from "../vault/vault.ts";
import {
  forbidden,
  internalError,
  Refusal,
  refusalOf,
  toResponse,
  unauthorized,
} from "./refusal.ts";
import type { Call, Route } from "./route.ts";
import { brokerRoutes } from "./routes.ts";
import type { UsageServices } from "./usage-routes.ts";

/** Largest request body, in bytes; enforced where the socket is served. */
export const MAX_BODY_BYTES = 256 * 1024;

const HEALTH_PATH = "/v1/healthz";

/** What the app needs. */
export interface BrokerAppOptions {
  readonly vault: Vault;
  readonly gate: Pick<Authenticator, "admit">;
  readonly tokens: Pick<ClientTokens, "onEnd">;
  readonly audit: Pick<AuditLog, "record">;
  readonly refresher: Pick<Refresher, "refresh" | "schedule">;
  readonly usage: UsageServices["usage"];
  readonly metrics: Metrics;
  readonly version: string;
  readonly log: Logger;
  readonly nowMs?: () => number;
}

/** The app, and the way to let go of those who wait for a change. */
export interface BrokerApp {
  /** The refusal of a request that will bear no fruit, before its body is read; undefined for the others. */
  admit(request: Request, peer: Pick<RequestControl, "remoteAddress">): Response | undefined;
  /** `control` is that of the server in front, which has read the body already. */
  fetch(request: Request, control: RequestControl): Promise<Response>;
  /** What is served behind the bearer. */
  readonly routes: readonly Route[];
  /** Answers every held request now and ends every stream; later ones are not held. */
  close(): void;
}

/** Makes the app over an open vault. */
export function createBrokerApp(options: BrokerAppOptions): BrokerApp {
  const { vault, tokens, audit, refresher, usage, metrics, log, nowMs = Date.now } = options;
  const observed = new ObservedUsageLog(vault.file.database);
  const watch = new GenerationWatch(vault);
  const schedule = () => refresher.schedule();
  const hub = new StreamHub({
    vault,
    watch,
    schedule,
    log,
    nowMs,
    onReaderEnd: (reader, listener) => tokens.onEnd(reader, listener),
    recordSent: (reader, sent) =>
      audit.record({
        actor: actorOf(reader),
        action: "snapshot.stream",
        target: credentialsTarget(sent),
      }),
  });
  metrics.readGauge({
    name: "broker_streams",
    help: "Open snapshot streams.",
    read: () => hub.size,
  });
  const told = { usage, observed, metrics };
  const services = { vault, tokens, watch, hub, refresher, schedule, ...told, nowMs };
  const routes = brokerRoutes(services);
  const dispatcher = new Dispatcher(options);
  const app = dispatcher.serve(routes);
  return {
    admit: (request, peer) => dispatcher.refuseStranger(request, peer),
    fetch: async (request, control) => app.fetch(request, { control }),
    routes,
    close: () => {
      hub.close();
      watch.close();
    },
  };
}

interface Given {
  Bindings: { readonly control: RequestControl };
  Variables: { caller: Principal };
}

/** What happens to every request, whichever route it wants. */
class Dispatcher {
  readonly #options: BrokerAppOptions;
  readonly #requests: CounterMetric<"method" | "path" | "status">;
  readonly #nowMs: () => number;

  constructor(options: BrokerAppOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#requests = options.metrics.counter({
      name: "broker_requests_total",
      help: "Requests by route and status.",
      labels: ["method", "path", "status"],
    });
  }

  serve(routes: readonly Route[]): Hono<Given> {
    const app = new Hono<Given>();
    const health: BrokerHealth = { ok: true, version: this.#options.version };
    app.get(HEALTH_PATH, (c) => c.json(health));
    app.use(async (c, next) => {
      const admitted = this.#admit(c.req.raw, c.env.control);
      if (admitted instanceof Response) return admitted;
      c.set("caller", admitted);
      // The framework would answer these like GET, and open a stream that nobody reads.
      return c.req.raw.method === "HEAD" ? toResponse(noRoute(c)) : next();
    });
    for (const route of routes) {
      app.on(route.method, route.path, (c) => this.#answer(route, c));
    }
    app.notFound((c) => toResponse(noRoute(c)));
    app.onError((error, c) => this.#unforeseen(error, c.req.path));
    return app;
  }

  refuseStranger(
    request: Request,
    peer: Pick<RequestControl, "remoteAddress">,
  ): Response | undefined {
    if (new URL(request.url).pathname === HEALTH_PATH) return undefined;
    const admitted = this.#admit(request, peer);
    return admitted instanceof Response ? admitted : undefined;
  }

  #admit(
    request: Request,
    { remoteAddress }: Pick<RequestControl, "remoteAddress">,
  ): Principal | Response {
    const candidate = readBearer(request.headers);
    const admission = this.#options.gate.admit({ candidate, address: remoteAddress() });
    if (admission.principal) return admission.principal;
    const { retryAfterSeconds } = admission;
    if (retryAfterSeconds !== undefined) return toResponse(tooManyFailures(retryAfterSeconds));
    // Ten of these a minute and address; the rest must not fill the log.
    const { pathname: path } = new URL(request.url);
    this.#options.log.warn("refused a request without a token that counts", { path });
    return toResponse(unauthorized());
  }

  async #answer(route: Route, c: Context<Given>): Promise<Response> {
    const { method, path } = route;
    const response = await this.#permitted(route, c);
    this.#requests.inc({ method, path, status: String(response.status) });
    this.#options.log.debug("answered", {
      method,
      path,
      status: response.status,
      actor: actorOf(c.get("caller")),
    });
    return response;
  }

  async #permitted(route: Route, c: Context<Given>): Promise<Response> {
    const call = this.#call(route, c);
    try {
      if (!allows(call.caller.permissions, route.permission)) throw forbidden(route.permission);
      return await route.handle(call);
    } catch (error) {
      return await this.#failed(route, call, error);
    }
  }

  #call(route: Route, c: Context<Given>): Call {
    const caller = c.get("caller");
    const { control } = c.env;
    return {
      request: c.req.raw,
      body: control.body,
      caller,
      query: new URL(c.req.url).searchParams,
      id: c.req.param("id") ?? "",
      control,
      record: (target) => this.#record(route, caller, { target }),
    };
  }

  async #failed(route: Route, call: Call, error: unknown): Promise<Response> {
    const refusal = refusalOf(error, this.#nowMs());
    try {
      const event = refusedEvent(refusal, call);
      if (event) await this.#record(route, call.caller, event);
    } catch (auditError) {
      return this.#unrecorded(auditError, route);
    }
    if (refusal === undefined) return this.#unforeseen(error, route.path);
    if (refusal.status >= 500) {
      this.#options.log.error("request failed", { path: route.path, error });
    }
    return toResponse(refusal);
  }

  #unrecorded(error: unknown, { path }: Route): Response {
    const refusal = refusalOf(error, this.#nowMs());
    this.#options.log.error("request refused: it cannot be recorded", { path, error });
    return refusal ? toResponse(refusal) : internalError();
  }

  #unforeseen(error: unknown, path: string): Response {
    this.#options.log.error("request failed", { path, error });
    return internalError();
  }

  #record(
    { action }: Route,
    caller: Principal,
    event: Omit<AuditEvent, "actor" | "action">,
  ): Promise<void> {
    return this.#options.audit.record({ actor: actorOf(caller), action, ...event });
  }
}

const IS_ABOUT_THE_BODY: ReadonlySet<number> = new Set([400, 415]);

/** What the log is told of a request that was not granted; nothing of one that made no sense. */
function refusedEvent(
  refusal: Refusal | undefined,
  { id }: Call,
): Omit<AuditEvent, "actor" | "action"> | undefined {
  const detail = refusal?.code ?? (refusal ? String(refusal.status) : "internal");
  const target = /^\d{1,15}$/.test(id) ? id : "";
  if (refusal && IS_ABOUT_THE_BODY.has(refusal.status)) return undefined;
  const isRefused = refusal !== undefined && refusal.status < 409;
  return { target, detail, outcome: isRefused ? "refused" : "failed" };
}

function noRoute(c: Context<Given>): Refusal {
  return new Refusal(404, `No route: ${c.req.method} ${c.req.path}`);
}

function tooManyFailures(retryAfterSeconds: number): Refusal {
  const headers = { "retry-after": String(retryAfterSeconds) };
  const message = "too many requests without a token that counts; wait before the next one";
  return new Refusal(429, message, { code: "too_many_failures", headers });
}
