// The gateway's HTTP surface: routes, the bearer, the limit on requests in flight. Everything behind a
// model request is the pipeline's; everything about sockets is the platform's.

import { Hono, type Context } from "hono";
import { VERSION, type Logger, type Refusal, type RequestHandler } from "#platform";
import type { FailureKind } from "#wire";
import { GatewayError } from "./errors.ts";
import { errorResponse } from "./error-response.ts";
import type { Format } from "./formats/format.ts";
import { formats } from "./formats/index.ts";
import { anthropicList, anthropicModel, openaiList, openaiModel } from "./models/listing.ts";
import type { ModelCatalog } from "./models/catalog.ts";
import type { Authenticate, Caller } from "./pipeline/caller.ts";
import { requestIdHeaders } from "./pipeline/crossing-headers.ts";
import { answer, type PipelineParts } from "./pipeline/pipeline.ts";

/** Seconds a caller is asked to wait when too many requests are in flight. */
export const BUSY_RETRY_AFTER_SECONDS = 1;

/** What the server is built from. */
export interface ServerParts extends PipelineParts {
  readonly catalog: ModelCatalog;
  readonly authenticate: Authenticate;
  readonly maxInFlight: number;
  readonly log: Logger;
}

/** A path this server does not have. */
class UnknownRoute extends GatewayError {
  constructor(method: string, path: string) {
    const message = `No route: ${method} ${path}. This gateway serves POST /v1/chat/completions, /v1/responses, /v1/messages and GET /v1/models, /healthz.`;
    super({ kind: "not_found", message, code: "not_found" });
  }
}

/** A path this server has, asked in another way. */
class WrongMethod extends GatewayError {
  constructor(method: string, path: string) {
    const message = `${path} takes POST, not ${method}.`;
    super(
      { kind: "not_found", message, code: "method_not_allowed", status: 405 },
      { headers: { allow: "POST" } },
    );
  }
}

/** What comes with each request beside it. */
interface Given {
  Bindings: { readonly body: Uint8Array };
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
  const inFlight = new InFlight(parts.maxInFlight);
  const guarded = async (c: GatewayContext, format: Format, handler: Handler) => {
    const requestId = `req_${parts.newId()}`;
    try {
      const caller = callerOf(c.req.raw.headers, parts.authenticate);
      if (!caller) throw wrongKey();
      return await handler(c, { requestId, caller });
    } catch (error) {
      return errorResponse(error, { format, requestId, log: parts.log });
    }
  };
  const guardedAs = (handler: Handler) => (c: GatewayContext) =>
    guarded(c, callerDialect(c), handler);

  app.get("/healthz", (c) => c.json({ ok: true, version: VERSION }));
  for (const format of Object.values(formats)) {
    const serve: Handler = (c, who) => serveModel(c, format, parts, { ...who, inFlight });
    app.post(format.path, (c) => guarded(c, format, serve));
  }
  const list = guardedAs((c) => listModels(c, parts));
  app.get("/v1/models", list);
  const show = guardedAs((c) => showModel(c, parts));
  app.get("/v1/models/*", show);
  // A catch-all route would make Hono compose two handlers for every request.
  app.notFound(guardedAs(refuseRoute));
  return {
    admit: (request) => {
      if (callerOf(request.headers, parts.authenticate)) return undefined;
      const format = dialectOf(request.headers, pathOf(request));
      const requestId = `req_${parts.newId()}`;
      return errorResponse(wrongKey(), { format, requestId, log: parts.log });
    },
    fetch: (request, control) => app.fetch(request, control),
  };
}

function refuseRoute({ req }: GatewayContext): never {
  const isModelPath = Object.values(formats).some(({ path }) => path === req.path);
  if (isModelPath) throw new WrongMethod(req.method, req.path);
  throw new UnknownRoute(req.method, req.path);
}

/** One request and who makes it. */
interface Asking {
  readonly requestId: string;
  readonly caller: Caller;
}

type Handler = (c: GatewayContext, asking: Asking) => Response | Promise<Response>;

const BEARER = /^Bearer +(\S+)$/i;

/** Both vendors' ways of showing a key; a client that has both set needs only one to be ours. */
function callerOf(headers: Headers, authenticate: Authenticate): Caller | undefined {
  const bearer = BEARER.exec(headers.get("authorization") ?? "")?.[1];
  const byBearer = bearer === undefined ? undefined : authenticate(bearer);
  if (byBearer) return byBearer;
  const apiKey = headers.get("x-api-key");
  return apiKey === null ? undefined : authenticate(apiKey);
}

function wrongKey(): GatewayError {
  return new GatewayError({
    kind: "unauthenticated",
    code: "invalid_api_key",
    message:
      "The key is not this gateway's. Send the one that `agent auth-gateway token` prints, as a bearer or in x-api-key.",
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

async function serveModel(
  c: GatewayContext,
  format: Format,
  parts: ServerParts,
  { requestId, caller, inFlight }: Asking & { inFlight: InFlight },
): Promise<Response> {
  const { headers, url, signal } = c.req.raw;
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") throw encodedBody(encoding);
  const release = inFlight.enter();
  const query = url.indexOf("?");
  const exchange = {
    id: requestId,
    caller,
    format,
    headers,
    query: query === -1 ? "" : url.slice(query),
    signal,
    startedAtMs: parts.nowMs(),
    log: parts.log,
    trail: [],
    release,
  };
  try {
    return await answer(c.env.body, exchange, parts);
  } catch (error) {
    release();
    throw error;
  }
}

function encodedBody(encoding: string): GatewayError {
  const message = `content-encoding: "${encoding}" is not accepted; send the body uncompressed.`;
  return new GatewayError({
    kind: "bad_request",
    message,
    code: "unsupported_encoding",
    status: 415,
  });
}

function listModels(c: GatewayContext, parts: ServerParts): Response {
  const models = parts.catalog.list();
  const isAnthropic = callerDialect(c) === formats.messages;
  const body = isAnthropic
    ? anthropicList(models, new URL(c.req.url).searchParams)
    : openaiList(models);
  return c.json(body);
}

function showModel(c: GatewayContext, parts: ServerParts): Response {
  const model = parts.catalog.resolve(decodePath(c.req.path.slice("/v1/models/".length)));
  return c.json(callerDialect(c) === formats.messages ? anthropicModel(model) : openaiModel(model));
}

/** The text of an escaped path; as it is when it is not escaped properly. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Counts requests being served, and refuses beyond the limit instead of queueing in silence. */
class InFlight {
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a place; returns what gives it back, once. Throws when all are taken. */
  enter(): () => void {
    if (this.#count >= this.#max) throw busy(this.#max);
    this.#count += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#count -= 1;
      isHeld = false;
    };
  }
}

function busy(max: number): GatewayError {
  const message = `The gateway is serving ${max} requests already; try again shortly.`;
  return new GatewayError(
    { kind: "overloaded", message, code: "too_many_in_flight" },
    { headers: { "retry-after": String(BUSY_RETRY_AFTER_SECONDS) } },
  );
}
