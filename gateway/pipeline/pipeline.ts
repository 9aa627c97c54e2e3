// The way of a request: admit → route → lease → shape → dispatch → relay → settle. One place, used by the
// HTTP server and, later, by an agent in the same process. No step reaches back; nothing of a prompt is
// written anywhere.

import type { ObservedRequest } from "#broker/client";
import { JsonScanError, readJson, scanJson, type JsonScan } from "#platform";
import {
  isJsonObject,
  parseJson,
  type FormatId,
  type Json,
  type JsonObject,
  type Usage,
} from "#wire";
import { InvalidRequest } from "../errors.ts";
import type { Format, ReplyContext } from "../formats/format.ts";
import { formats } from "../formats/index.ts";
import { Losses } from "../formats/losses.ts";
import type { CatalogModel, ModelCatalog } from "../models/catalog.ts";
import { dispatch, type DispatchParts } from "./dispatch.ts";
import type { Exchange } from "./exchange.ts";
import type { KeyLeases, Lease } from "./lease.ts";
import { relayReply, relayStream, sameFormatBody, type OnEnd } from "./same-format.ts";
import {
  translateReply,
  translateRequest,
  translateStream,
  type Translation,
} from "./translate.ts";

/** What the pipeline is built from. */
export interface PipelineParts extends DispatchParts {
  readonly catalog: ModelCatalog;
  readonly leases: KeyLeases;
  readonly keepAliveMs: number;
  readonly hostedTools: "drop" | "reject";
  readonly newId: () => string;
  readonly nowMs: () => number;
  /** Told of each answered request that used one of the broker's credentials. */
  readonly observe?: ObserveUse;
}

/** Counts what a request used; must not throw. */
export type ObserveUse = (request: ObservedRequest) => void;

/** Longest model id; it is echoed in a header. */
export const MAX_MODEL_CHARS = 256;
const MODEL_ID = new RegExp(`^[\\x21-\\x7e]{1,${MAX_MODEL_CHARS}}$`);

/** Header that names the model the upstream was asked for. */
export const MODEL_HEADER = "x-parley-model";

/** Answers one model request. Throws GatewayError, never anything a caller should not read. */
export async function answer(
  bytes: Uint8Array,
  exchange: Exchange,
  parts: PipelineParts,
): Promise<Response> {
  const asked = readHead(bytes);
  const target = parts.catalog.resolve(asked.model);
  const to = upstreamFormat(exchange.format, target);
  const lease = await parts.leases.lease(target.provider);
  const context: Context = { bytes, asked, target, to, lease, exchange, parts };
  const response = await (to === exchange.format ? sameFormat(context) : translated(context));
  response.headers.set(MODEL_HEADER, `${target.provider.id}/${target.model.id}`);
  return response;
}

interface Context {
  readonly bytes: Uint8Array;
  readonly asked: Head;
  readonly target: CatalogModel;
  readonly to: Format;
  readonly lease: Lease;
  readonly exchange: Exchange;
  readonly parts: PipelineParts;
}

interface Head {
  readonly model: string;
  readonly isStream: boolean;
  readonly scan: JsonScan;
}

/** Reads what routing needs, without parsing the rest. Throws InvalidRequest. */
function readHead(bytes: Uint8Array): Head {
  let scan: JsonScan;
  try {
    scan = scanJson(bytes, { fields: ["model", "stream", "n"] });
  } catch (error) {
    throw invalidJson(error);
  }
  if (firstByte(bytes) !== OPENING_BRACE)
    throw new InvalidRequest("The body must be a JSON object.");
  const model = valueAt(bytes, scan, "model");
  if (typeof model !== "string" || model === "") {
    const message = "model: required, the id of a model such as those of GET /v1/models";
    throw new InvalidRequest(message, { code: "missing_required_parameter", param: "model" });
  }
  if (!MODEL_ID.test(model)) {
    const message = `model: expected at most ${MAX_MODEL_CHARS} characters of printable ASCII`;
    throw new InvalidRequest(message, { param: "model" });
  }
  const stream = valueAt(bytes, scan, "stream");
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
    throw new InvalidRequest("stream: expected true or false", { param: "stream" });
  }
  return { model, isStream: stream === true, scan };
}

const OPENING_BRACE = 0x7b;
const utf8 = new TextDecoder("utf-8", { fatal: true });

function firstByte(bytes: Uint8Array): number | undefined {
  return bytes.find((byte) => byte > 0x20);
}

function valueAt(bytes: Uint8Array, scan: JsonScan, name: string): Json | undefined {
  const range = scan.fields.get(name);
  if (!range) return undefined;
  try {
    return parseJson(utf8.decode(bytes.subarray(range.start, range.end)));
  } catch (cause) {
    throw new InvalidRequest(`${name}: not valid JSON`, {
      code: "invalid_json",
      param: name,
      cause,
    });
  }
}

function invalidJson(error: unknown): unknown {
  if (!(error instanceof JsonScanError)) return error;
  return new InvalidRequest(`The body is not acceptable JSON: ${error.message}`, {
    code: error.code,
    cause: error,
  });
}

/** The caller's own dialect where the upstream speaks it, else the upstream's first. */
function upstreamFormat(caller: Format, { provider }: CatalogModel): Format {
  const spoken: readonly FormatId[] = provider.formats;
  return spoken.includes(caller.id) ? caller : formats[provider.formats[0]];
}

function replyContext(
  { asked, exchange, parts }: Context,
  translation?: Translation,
): ReplyContext {
  return {
    model: asked.model,
    id: parts.newId(),
    createdSeconds: Math.floor(exchange.startedAtMs / 1_000),
    nowSeconds: () => Math.floor(parts.nowMs() / 1_000),
    newId: parts.newId,
    request: translation?.request ?? null,
    losses: new Losses(),
  };
}

async function sameFormat(context: Context): Promise<Response> {
  const { bytes, asked, target, to, lease, exchange, parts } = context;
  const model = asked.scan.fields.get("model");
  if (!model) throw new Error("readHead guarantees the field");
  const alias = { asked: asked.model, sent: target.model.id };
  const body = sameFormatBody(bytes, model, { ...alias, format: to });
  const call = { provider: target.provider, format: to.id, body, isStream: asked.isStream, lease };
  const response = await dispatch(call, exchange, parts);
  const n = valueAt(bytes, asked.scan, "n");
  const choices = typeof n === "number" ? n : 1;
  const secret = lease.key;
  const relay = { response, exchange, alias, secret, choices, reply: replyContext(context) };
  return asked.isStream
    ? relayStream(relay, settle(context), parts)
    : relayReply(relay, settle(context));
}

async function translated(context: Context): Promise<Response> {
  const { bytes, asked, target, to, lease, exchange, parts } = context;
  const translation = translateRequest(readBody(bytes), exchange.format, to, {
    target,
    hostedTools: parts.hostedTools,
  });
  const lost = translation.losses.toString();
  if (lost !== "") exchange.log.debug("lossy translation", { requestId: exchange.id, lost });
  const call = {
    provider: target.provider,
    format: to.id,
    body: translation.body,
    isStream: asked.isStream,
    lease,
  };
  const response = await dispatch(call, exchange, parts);
  const answered = {
    response,
    exchange,
    from: to,
    provider: target.provider.id,
    translation,
    reply: replyContext(context, translation),
    secret: lease.key,
  };
  return asked.isStream
    ? translateStream(answered, settle(context), parts)
    : translateReply(answered, settle(context));
}

function readBody(bytes: Uint8Array): JsonObject {
  let body: Json;
  try {
    body = readJson(bytes);
  } catch (error) {
    throw invalidJson(error);
  }
  if (!isJsonObject(body)) throw new InvalidRequest("The body must be a JSON object.");
  return body;
}

function settle({ target, to, lease, exchange, parts }: Context): OnEnd {
  return (outcome, usage) => {
    exchange.release();
    if (lease.source === "broker") parts.observe?.(observed(target, usage));
    exchange.log.info("request settled", {
      requestId: exchange.id,
      outcome,
      model: target.id,
      upstreamFormat: to.id,
      keySource: lease.source,
      elapsedMs: Math.round(parts.nowMs() - exchange.startedAtMs),
      ...(usage && { usage }),
    });
  };
}

// What no provider reported is not counted as tokens, only as a request.
function observed({ provider, model }: CatalogModel, usage: Usage | undefined): ObservedRequest {
  return {
    provider: provider.id,
    model: model.id,
    inputTokens: usage?.input ?? 0,
    outputTokens: usage?.output ?? 0,
    cacheReadTokens: usage?.cacheRead ?? 0,
    cacheWriteTokens: usage?.cacheWrite ?? 0,
    costUsd: 0,
  };
}
