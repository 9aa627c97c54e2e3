// The gateway's HTTP surface: who calls, which route is meant, what becomes of an error. Everything behind a
// model request is the pipeline's; everything about sockets is the platform's.

import { Hono, type Context } from "hono";
import type { Refusal, RequestControl, RequestHandler } from "#platform";
import type { FailureKind } from "#wire";
import { GatewayError } from "./errors.ts";
import { errorResponse } from "./error-response.ts";
import type { CallerFormat, Format } from "./formats/format.ts";
import { formats } from "./formats/index.ts";
import type { Dash } from "./dash/dash.ts";
import { openRoutes } from "./http/open-routes.ts";
import { describeRoute, matchesPath, type Call, type Place, type Route } from "./http/route.ts";
import { gatewayRoutes, type RouteParts } from "./http/routes.ts";
import type { Authenticate, Caller } from "./pipeline/caller.ts";
import { KEY_HEADER, ownCredential } from "./pipeline/own-credential.ts";
import { requestIdHeaders } from "./pipeline/crossing-headers.ts";

/** What the server is built from. */
export interface ServerParts extends RouteParts {
  readonly authenticate: Authenticate;
  readonly dash: Dash;
  /** Who a caller without a key of ours is; absent where such a one is refused. */
  readonly stranger?: Caller;
}

/** What comes with each request beside it. */
interface Given {
  Bindings: RequestControl;
}

type GatewayContext = Context<Given>;

/** The gateway's side of an HTTP server. */
export interface GatewayApp {
  /** Refuses a stranger before a byte of the body is read. */
  admit(request: Request): Response | undefined;
  readonly fetch: RequestHandler;
}

/** Builds admission and request handler. */
export function createGatewayApp(parts: ServerParts): GatewayApp {
  const app = new Hono<Given>();
  const routes = gatewayRoutes(parts);
  const refusals = parts.metrics.counter({
    name: "gateway_refusals_total",
    help: "Answers that are errors, of any route, by what went wrong.",
    labels: ["code"],
  });
  const refuse = (error: unknown, format: CallerFormat, requestId: string) => {
    refusals.inc({ code: error instanceof GatewayError ? error.failure.kind : "internal" });
    return errorResponse(error, { format, requestId, log: parts.log });
  };
  const whoIs = rememberCallers(
    ({ headers }) => callerOf(headers, parts.authenticate) ?? parts.stranger,
  );
  const guarded = async (c: GatewayContext, format: CallerFormat, answer: Route["answer"]) => {
    const requestId = `req_${parts.newId()}`;
    try {
      const caller = whoIs(c.req.raw);
      if (!caller) throw wrongKey();
      const { body, upgrade } = c.env;
      const request = c.req.raw;
      const own = ownCredential(request.headers, caller, parts.authenticate);
      return await answer({
        request,
        body,
        requestId,
        caller,
        format,
        upgrade,
        ...(own && { own }),
      });
    } catch (error) {
      return refuse(error, format, requestId);
    }
  };
  const open = [...openRoutes, ...parts.dash.routes()];
  for (const { method, path, answer } of open) app.on(method, path, (c) => answer(c.req.raw));
  for (const route of routes) {
    const { method, path, format } = route;
    const answer = (call: Call) => route.answer(call);
    app.on(method, path, (c) => {
      const id = c.req.param("id");
      const named = id === undefined ? answer : (call: Call) => answer({ ...call, id });
      return guarded(c, format ?? callerDialect(c), named);
    });
  }
  // A catch-all route would make Hono compose two handlers for every request.
  app.notFound((c) => guarded(c, callerDialect(c), () => refuseRoute(c, [...routes, ...open])));
  return {
    admit: (request) => {
      if (whoIs(request)) return undefined;
      const format = dialectOf(request.headers, pathOf(request));
      const requestId = `req_${parts.newId()}`;
      return refuse(wrongKey(), format, requestId);
    },
    fetch: (request, control) => app.fetch(request, control),
  };
}

/** A path this server does not have. */
class UnknownRoute extends GatewayError {
  constructor(asked: string, routes: readonly Place[]) {
    // What belongs to a page is found from the page.
    const named = routes.filter(({ path }) => !path.startsWith("/dash/"));
    const served = named.map(describeRoute).join(", ");
    const message = `No route: ${asked}. This gateway serves ${served}.`;
    super({ kind: "not_found", message, code: "not_found" });
  }
}

/** A path this server has, asked in another way. */
class WrongMethod extends GatewayError {
  constructor({ method, path }: GatewayContext["req"], allow: string) {
    const message = `${path} takes ${allow}, not ${method}.`;
    const failure = {
      kind: "bad_request",
      message,
      code: "method_not_allowed",
      status: 405,
    } as const;
    super(failure, { headers: { allow } });
  }
}

function refuseRoute({ req }: GatewayContext, routes: readonly Place[]): never {
  const here = routes.filter((route) => matchesPath(route, req.path));
  const allow = [...new Set(here.map(({ method }) => method))].join(", ");
  if (allow !== "") throw new WrongMethod(req, allow);
  throw new UnknownRoute(`${req.method} ${req.path}`, routes);
}

const BEARER = /^Bearer +(\S+)$/i;

/** Our header, and both vendors' ways of showing a key; a client that has several set needs only one to be ours. */
function callerOf(headers: Headers, authenticate: Authenticate): Caller | undefined {
  const named = headers.get(KEY_HEADER);
  const byName = named === null ? undefined : authenticate(named);
  if (byName) return byName;
  const bearer = BEARER.exec(headers.get("authorization") ?? "")?.[1];
  const byBearer = bearer === undefined ? undefined : authenticate(bearer);
  if (byBearer) return byBearer;
  const apiKey = headers.get("x-api-key");
  return apiKey === null ? undefined : authenticate(apiKey);
}

type WhoIs = (request: Request) => Caller | undefined;

/** A request with a body is asked about twice, before and after that has been read: its key is hashed once. */
function rememberCallers(whoIs: WhoIs): WhoIs {
  const callers = new WeakMap<Request, Caller>();
  return (request) => {
    const known = callers.get(request);
    if (known) return known;
    const caller = whoIs(request);
    if (caller) callers.set(request, caller);
    return caller;
  };
}

function wrongKey(): GatewayError {
  return new GatewayError({
    kind: "unauthenticated",
    code: "invalid_api_key",
    message:
      "The key is not this gateway's, or not valid now. Send the one that `agent auth-gateway token` or `key create` printed, as a bearer or in x-api-key.",
  });
}

/** Which error and list shape a caller expects where the route does not say. */
function callerDialect(c: GatewayContext): Format {
  return dialectOf(c.req.raw.headers, c.req.path);
}

function dialectOf(headers: Headers, path: string): Format {
  const isAnthropic = headers.has("anthropic-version") || path.startsWith(formats.messages.path);
  return isAnthropic ? formats.messages : formats.chat;
}

function pathOf({ url }: Request): string {
  return URL.parse(url)?.pathname ?? "/";
}

const KIND_OF_REFUSAL: Readonly<Record<number, FailureKind>> = {
  400: "bad_request",
  403: "forbidden",
  413: "too_large",
  415: "bad_request",
  503: "overloaded",
};

/** What the server's front door refuses (413, 403, …), in the caller's dialect. */
export function refusedResponse(
  { status, code, message }: Refusal,
  request: Request,
  newId: () => string,
): Response {
  const path = pathOf(request);
  const requestId = `req_${newId()}`;
  const kind = KIND_OF_REFUSAL[status] ?? "internal";
  const failure = { kind, message, code, status };
  const { body } = dialectOf(request.headers, path).encodeError(failure, requestId);
  return Response.json(body, { status, headers: requestIdHeaders(requestId) });
}
