// Token counts by the upstream of another dialect: the caller's body is translated as if it were to be answered, and
// the upstream is asked how much that is. What it cannot count for a reason of the request is counted here instead.

import { readJson } from "#platform";
import { isJsonObject, parseJson, type Json } from "#wire";
import { InvalidRequest, UpstreamFailed } from "../errors.ts";
import { upstreamFormats } from "../formats/index.ts";
import type { TokenCount } from "../formats/token-count.ts";
import { COUNT_ENDPOINTS, type Endpoint } from "../providers/endpoint.ts";
import { endpointUrl } from "../providers/endpoint-url.ts";
import { callerHeaders } from "./crossing-headers.ts";
import { connectionFailed, dispatch } from "./dispatch.ts";
import { MODEL_HEADER, readBody, spokenBy, type TryWay } from "./pipeline.ts";
import type { WriteCount } from "./token-count.ts";
import { translateRequest } from "./translate.ts";

/** A message needs a limit; with a small one, its thinking would not be asked for, and not be counted. */
const COUNTED_LIMIT = 64_000;

interface Counter {
  readonly to: (typeof upstreamFormats)[keyof typeof upstreamFormats];
  readonly endpoint: Endpoint;
  readonly tokenCount: TokenCount;
}

/** Has the upstream count; `otherwise` answers where it cannot, or cannot count this. */
export function countThere(write: WriteCount, otherwise: TryWay): TryWay {
  return async (attempt, underway) => {
    const counter = counterOf(attempt);
    if (!counter) return otherwise(attempt, underway);
    try {
      return await count(counter, write, attempt, underway);
    } catch (error) {
      if (!isOfRequest(error)) throw error;
      return otherwise(attempt, underway);
    }
  };
}

/** The count of the dialect that the request would be translated to, where the upstream has it. */
function counterOf({ target, lease }: Parameters<TryWay>[0]): Counter | undefined {
  // What the caller brings goes with nothing that was written here.
  if (lease.own) return undefined;
  const to = upstreamFormats[spokenBy(target)[0]];
  const endpoint = COUNT_ENDPOINTS[to.id];
  if (endpoint === undefined || !to.tokenCount) return undefined;
  const isServed = target.provider.endpoints?.includes(endpoint) ?? false;
  return isServed ? { to, endpoint, tokenCount: to.tokenCount } : undefined;
}

/** What another dialect cannot say, or the upstream takes for no question, can still be estimated. */
function isOfRequest(error: unknown): boolean {
  if (error instanceof InvalidRequest) return true;
  if (!(error instanceof UpstreamFailed)) return false;
  return error.failure.kind === "bad_request" || error.failure.kind === "too_long";
}

async function count(
  { to, endpoint, tokenCount }: Counter,
  write: WriteCount,
  { target, lease, maxCalls }: Parameters<TryWay>[0],
  { bytes, exchange, parts, settling }: Parameters<TryWay>[1],
): Promise<Response> {
  const { provider, model } = target;
  const body = readBody(bytes);
  const asked = exchange.format.id === "messages" ? { max_tokens: COUNTED_LIMIT, ...body } : body;
  const translation = await translateRequest(asked, exchange.format, to, {
    target,
    hostedTools: parts.hostedTools,
    // The answer is a number, and loses nothing.
    isStrict: false,
  });
  const encoded = parseJson(translation.body);
  if (!isJsonObject(encoded)) throw new Error("a format encodes an object");
  settling.tries({ target, lease, to: to.id });
  const { quirks } = provider;
  const question = tokenCount.encode(encoded, { model: model.id, quirks });
  const standIn = provider.modelStandIn?.[to.id];
  const call = {
    provider,
    format: to.id,
    model: model.id,
    url: endpointUrl(provider, endpoint, model.id, to.id),
    body: JSON.stringify(
      standIn ? { [standIn.name]: standIn.value, model: model.id, ...question } : question,
    ),
    isStream: false,
    lease,
    maxCalls,
  };
  const response = await dispatch(call, exchange, parts);
  const tokens = tokenCount.decode(await readAnswer(response));
  if (tokens === undefined) {
    const message = "The upstream answered a count of tokens without a number.";
    throw new UpstreamFailed({ kind: "bad_gateway", message });
  }
  settling.ends("completed", undefined);
  const counted = Response.json(write(tokens), {
    headers: {
      ...callerHeaders(response.headers, exchange.id),
      [MODEL_HEADER]: `${provider.id}/${model.id}`,
    },
  });
  settling.begins(counted);
  return counted;
}

async function readAnswer(response: Awaited<ReturnType<typeof dispatch>>): Promise<Json> {
  try {
    return readJson(await response.bytes());
  } catch (error) {
    throw connectionFailed(error);
  }
}
