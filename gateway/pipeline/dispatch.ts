// The call to the upstream, up to the moment its answer proves to be one: everything that fails before the
// first byte to the caller is a real HTTP status, in the caller's dialect, with retry-after kept.

import { OutboundError, redact, type Outbound, type OutboundResponse } from "#platform";
import {
  isJsonObject,
  parseJson,
  type Failure,
  type FailureKind,
  type FormatId,
  type Json,
} from "#wire";
import { UpstreamFailed } from "../errors.ts";
import { upstreamFormats } from "../formats/index.ts";
import type { Provider } from "../providers/provider.ts";
import { callHeaders, callUrl } from "../providers/provider.ts";
import { callerHeaders, crossingQuery, upstreamHeaders } from "./crossing-headers.ts";
import type { Exchange } from "./exchange.ts";
import type { Lease } from "./lease.ts";
import { takenBetas, withBetas } from "./taken-betas.ts";

/** Longest error body of an upstream that is read; the rest is dropped. */
export const MAX_ERROR_BODY_BYTES = 256 * 1024;

/** Limits of one call; from the configuration. */
export interface DispatchLimits {
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Told of the headers of an answer that was got with one of the broker's credentials; must not throw. */
export type ObserveLimits = (credentialId: number, headers: Headers) => void;

/** What calls go through, and who hears of their limits. */
export interface DispatchParts {
  readonly outbound: Outbound;
  readonly limits: DispatchLimits;
  readonly observeLimits?: ObserveLimits;
}

/** What is sent, and to whom. */
export interface Dispatch {
  readonly provider: Provider;
  readonly format: FormatId;
  /** Id as the upstream knows it. */
  readonly model: string;
  readonly body: string | Uint8Array;
  readonly isStream: boolean;
  readonly lease: Lease;
  /** Where to, when it is not where answers come from. */
  readonly url?: string;
  /** Most calls, where a connection breaks before anything was answered. */
  readonly maxCalls: number;
}

/** The refusal of an upstream, as it came: the same-format lane passes the body on. */
export class UpstreamRefused extends UpstreamFailed {
  readonly format: FormatId;
  readonly status: number;
  readonly body: string;

  constructor(
    failure: Failure,
    {
      format,
      status,
      body,
      headers,
    }: Pick<UpstreamRefused, "format" | "status" | "body" | "headers">,
  ) {
    super(failure, { headers });
    this.format = format;
    this.status = status;
    this.body = body;
  }
}

/** Sends and returns a 2xx answer; throws UpstreamFailed or UpstreamRefused for anything else. */
export async function dispatch(
  { provider, format, model, body, isStream, lease, url, maxCalls }: Dispatch,
  exchange: Exchange,
  { outbound, limits, observeLimits }: DispatchParts,
): Promise<OutboundResponse> {
  const isSameFormat = exchange.format.id === format;
  const isSimulated = provider.answer !== undefined;
  const isVersionInBody = provider.modelStandIn?.[format] !== undefined;
  const crossing = { format, isSameFormat, isSimulated, isStream, isVersionInBody };
  const crossed = upstreamHeaders(exchange.headers, crossing);
  const betas = isSameFormat ? takenBetas(exchange.headers, provider, format) : undefined;
  const request = {
    url:
      (url ?? callUrl(provider, { format, model, isStream })) +
      (isSameFormat && format === "messages" && !isVersionInBody
        ? crossingQuery(exchange.query)
        : ""),
    method: "POST",
    headers: {
      ...(betas ? withBetas(crossed, betas) : crossed),
      ...callHeaders(provider, body, format),
      ...identifyingHeaders(provider, exchange),
      ...lease.headers,
      ...(lease.own?.reveal() ?? (lease.key !== "" && provider.authorize(lease.key, format))),
    },
    body,
    signal: exchange.signal,
    attempts: maxCalls,
    ...limits,
  };
  const response = await send(request, provider, format, outbound);
  if (lease.credentialId !== undefined) observeLimits?.(lease.credentialId, response.headers);
  if (response.status >= 200 && response.status < 300)
    return checkKind(response, { format, isStream });
  throw await refusal(response, format, exchange.id);
}

/** What lets the upstream's own records be matched with ours. */
function identifyingHeaders({ requestIdHeader }: Provider, { id, trace }: Exchange) {
  return {
    ...(requestIdHeader !== undefined && { [requestIdHeader]: id }),
    ...(trace?.traceparent !== undefined && { traceparent: trace.traceparent }),
  };
}

type Request = Parameters<Outbound["send"]>[0];

async function send(request: Request, provider: Provider, format: FormatId, outbound: Outbound) {
  try {
    return await (provider.answer?.(request, format) ?? outbound.send(request));
  } catch (error) {
    throw connectionFailed(error, provider);
  }
}

const KIND_OF_OUTBOUND: Readonly<Record<string, FailureKind>> = {
  timeout_headers: "timeout",
  timeout_idle: "timeout",
};

const HINTS: Readonly<Record<string, string>> = {
  address_refused: " The gateway's operator can allow it in gateway.trustedHosts.",
};

/** What a broken connection means to the caller. */
export function connectionFailed(
  error: unknown,
  provider?: Pick<Provider, "name" | "isServedWith">,
): UpstreamFailed {
  if (error instanceof UpstreamFailed) return error;
  if (!(error instanceof OutboundError)) {
    const message = "The gateway could not complete the call to the upstream.";
    return new UpstreamFailed({ kind: "internal", message }, { cause: error });
  }
  const kind = KIND_OF_OUTBOUND[error.code] ?? "bad_gateway";
  // Which host that is concerns the operator, not the caller.
  const problem = error.message.replace(`${error.host}: `, "");
  const isDown = error.code === "connection_refused" && provider?.isServedWith === "entry";
  const hint = isDown ? ` Is ${provider.name} running?` : (HINTS[error.code] ?? "");
  const message = `The call to the upstream failed: ${problem}.${hint}`;
  return new UpstreamFailed({ kind, message, code: error.code }, { cause: error });
}

async function checkKind(
  response: OutboundResponse,
  { format, isStream }: { format: FormatId; isStream: boolean },
): Promise<OutboundResponse> {
  const type = (response.headers.get("content-type") ?? "").toLowerCase();
  // Hosts label their streams in many ways, or not at all; HTML is always somebody else's page.
  const isPage = type.includes("html");
  const isWhole = isStream && type.includes("application/json");
  if (!isPage && !isWhole) return response;
  const body = parseOrText(await readSome(response));
  if (isWhole && isJsonObject(body) && isJsonObject(body["error"])) {
    throw new UpstreamFailed(upstreamFormats[format].decodeError(502, body));
  }
  const message = `The upstream answered ${response.status} with ${type}, which is not what was asked for.`;
  throw new UpstreamFailed({ kind: "bad_gateway", message });
}

async function refusal(
  response: OutboundResponse,
  format: FormatId,
  requestId: string,
): Promise<UpstreamFailed> {
  const { status } = response;
  const headers = callerHeaders(response.headers, requestId);
  const text = redact(await readSome(response));
  if (/^\s*</.test(text) || status < 400) {
    const message = `The upstream answered ${status} with a page instead of an API reply.`;
    return new UpstreamFailed(
      { kind: status === 503 ? "overloaded" : "bad_gateway", message },
      { headers },
    );
  }
  const failure = upstreamFormats[format].decodeError(status, parseOrText(text));
  return new UpstreamRefused(failure, { format, status, body: text, headers });
}

async function readSome(response: OutboundResponse): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let bytes = 0; bytes < MAX_ERROR_BODY_BYTES;) {
      const chunk = await response.read();
      if (!chunk) break;
      bytes += chunk.length;
      text += decoder.decode(chunk, { stream: true });
    }
  } catch {
    // The status is known; a body cut short takes nothing from it.
    return text;
  } finally {
    response.cancel();
  }
  return text;
}

function parseOrText(text: string): Json {
  try {
    const value = parseJson(text);
    // Google wraps its errors in a list of one.
    return Array.isArray(value) && value.length === 1 ? (value[0] ?? null) : value;
  } catch {
    return text;
  }
}
