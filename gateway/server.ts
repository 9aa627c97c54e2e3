// The gateway's HTTP surface: routes, the bearer, the limit on requests in flight. Everything behind a
// model request is the pipeline's; everything about sockets is the platform's.

import { Hono, type Context, type HonoRequest } from "hono";
import { isSameToken, VERSION, type Logger, type Refusal } from "#platform";
import type { FailureKind } from "#wire";
import { GatewayError } from "./errors.ts";
import { errorResponse } from "./error-response.ts";
import type { Format } from "./formats/format.ts";
import { formats } from "./formats/index.ts";
import { anthropicList, anthropicModel, openaiList, openaiModel } from "./models/listing.ts";
import { requestIdHeaders } from "./pipeline/crossing-headers.ts";
import { answer, type PipelineParts } from "./pipeline/pipeline.ts";

/** Seconds a caller is asked to wait when too many requests are in flight. */
export const BUSY_RETRY_AFTER_SECONDS = 1;

/** What the server is built from. */
export interface ServerParts extends PipelineParts {
  /** Bearer that callers show. */
  readonly token: string;
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

/** Builds the request handler. */
export function createGatewayApp(
  parts: ServerParts,
): (request: Request) => Response | Promise<Response> {
  const app = new Hono();
  const inFlight = new InFlight(parts.maxInFlight);

  app.get("/healthz", (c) => c.json({ ok: true, version: VERSION }));
  for (const format of Object.values(formats)) {
    app.post(format.path, (c) =>
      guarded(c, format, parts, (requestId, log) =>
        serveModel(c.req, format, parts, { requestId, log, inFlight }),
      ),
    );
  }
  app.get("/v1/models", (c) => guarded(c, callerDialect(c), parts, () => listModels(c, parts)));
  app.get("/v1/models/*", (c) => guarded(c, callerDialect(c), parts, () => showModel(c, parts)));
  app.all("*", (c) =>
    guarded(c, callerDialect(c), parts, () => {
      throw new UnknownRoute(c.req.method, c.req.path);
    }),
  );
  return (request) => app.fetch(request);
}

type Handler = (requestId: string, log: Logger) => Response | Promise<Response>;

async function guarded(
  c: Context,
  format: Format,
  parts: ServerParts,
  handler: Handler,
): Promise<Response> {
  const requestId = `req_${parts.newId()}`;
  const log = parts.log.child({ requestId });
  try {
    if (!isAuthorized(c.req.raw.headers, parts.token)) throw wrongKey();
    return await handler(requestId, log);
  } catch (error) {
    return errorResponse(error, { format, requestId, log });
  }
}

/** Both vendors' ways of showing a key; a client that has both set needs only one to be ours. */
function isAuthorized(headers: Headers, token: string): boolean {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  const candidates = [bearer, headers.get("x-api-key")];
  return candidates.some((candidate) => Boolean(candidate) && isSameToken(token, candidate ?? ""));
}

function wrongKey(): GatewayError {
  return new GatewayError({
    kind: "unauthenticated",
    code: "invalid_api_key",
    message:
      "The key is not this gateway's. Send the one that `agent auth-gateway token` prints, as `Authorization: Bearer …` or `x-api-key`.",
  });
}

/** Which error and list shape a caller expects where the route does not say. */
function callerDialect(c: Context): Format {
  return dialectOf(c.req.raw.headers, c.req.path);
}

function dialectOf(headers: Headers, path: string): Format {
  const isAnthropic = headers.has("anthropic-version") || path.startsWith(formats.messages.path);
  return isAnthropic ? formats.messages : formats.chat;
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
  const path = URL.parse(request.url)?.pathname ?? "/";
  const requestId = `req_${newId()}`;
  const kind = KIND_OF_REFUSAL[status] ?? "internal";
  const failure = { kind, message, code, status };
  const { body } = dialectOf(request.headers, path).encodeError(failure, requestId);
  return Response.json(body, { status, headers: requestIdHeaders(requestId) });
}

async function serveModel(
  { raw }: HonoRequest,
  format: Format,
  parts: ServerParts,
  { requestId, log, inFlight }: { requestId: string; log: Logger; inFlight: InFlight },
): Promise<Response> {
  const encoding = raw.headers.get("content-encoding");
  if (encoding && encoding !== "identity") throw encodedBody(encoding);
  const release = inFlight.enter();
  const exchange = {
    id: requestId,
    format,
    headers: raw.headers,
    query: raw.url.includes("?") ? raw.url.slice(raw.url.indexOf("?")) : "",
    signal: raw.signal,
    startedAtMs: parts.nowMs(),
    log,
    release,
  };
  try {
    return await answer(await raw.bytes(), exchange, parts);
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

function listModels(c: Context, parts: ServerParts): Response {
  const models = parts.catalog.list();
  const isAnthropic = callerDialect(c) === formats.messages;
  const body = isAnthropic
    ? anthropicList(models, new URL(c.req.url).searchParams)
    : openaiList(models);
  return c.json(body);
}

function showModel(c: Context, parts: ServerParts): Response {
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
