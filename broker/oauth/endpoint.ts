// Calls a provider's endpoint once and reads its JSON. Refuses redirects, long waits and large answers,
// and repeats nothing: a code is good for one try.

import { type Outbound, OutboundError, JsonScanError, readJson, redact } from "#platform";
import { isJsonObject, type Json } from "#wire";
import { LoginError } from "./login-error.ts";

/** Largest answer of a provider's endpoint, in bytes. */
export const MAX_ENDPOINT_BYTES = 1024 * 1024;
/** How long an endpoint may take to answer, in ms. */
export const ENDPOINT_TIMEOUT_MS = 30_000;

const MAX_DESCRIPTION_CHARS = 200;

/** One call; a TokenRequest is one. */
export interface EndpointCall {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What an endpoint said; `json` is undefined when it was no JSON. */
export interface EndpointAnswer {
  readonly host: string;
  readonly status: number;
  readonly json: Json | undefined;
}

/** Calls an endpoint. Throws LoginError `login_unreachable` when it gives no answer, whatever its status. */
export async function callEndpoint(
  outbound: Outbound,
  call: EndpointCall,
  signal: AbortSignal,
): Promise<EndpointAnswer> {
  try {
    const response = await outbound.send({
      ...call,
      signal,
      headersTimeoutMs: ENDPOINT_TIMEOUT_MS,
      idleTimeoutMs: ENDPOINT_TIMEOUT_MS,
      maxBytes: MAX_ENDPOINT_BYTES,
      attempts: 1,
    });
    const bytes = await response.bytes();
    return { host: new URL(call.url).host, status: response.status, json: parsed(bytes) };
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof OutboundError)) throw cause;
    throw new LoginError("login_unreachable", `the provider cannot be reached: ${cause.message}`, {
      fix: "Check the connection and try again; nothing was stored.",
      cause,
    });
  }
}

/** The JSON of an answer that grants something. Throws LoginError `login_refused` for every other answer. */
export function grantedJson(answer: EndpointAnswer): Json {
  const { host, status, json } = answer;
  const error = oauthError(json);
  if (status >= 200 && status < 300 && error === undefined && json !== undefined) return json;
  const reason = error ?? (json === undefined ? "no JSON" : "no reason");
  const description = isJsonObject(json) ? shownText(json["error_description"]) : "";
  throw new LoginError("login_refused", `${host} answered ${status}: ${reason}${description}`, {
    fix: "Log in again; codes are good for one use and a few minutes.",
  });
}

/** The `error` code of an OAuth answer; undefined when there is none. Some providers nest or vary it. */
export function oauthError(json: unknown): string | undefined {
  if (!isJsonObject(json) || json["error"] === undefined || json["error"] === null)
    return undefined;
  const { error } = json;
  const code = isJsonObject(error) ? (error["code"] ?? error["type"]) : error;
  return typeof code === "string" && /^[\w.-]{1,64}$/.test(code) ? code : "unknown_error";
}

/** Text of a provider, fit for a terminal: one line, short, without anything that looks secret. */
export function shownText(value: unknown): string {
  if (typeof value !== "string") return "";
  const line = redact(value.replace(/[^\x20-\x7e]+/g, " ").trim());
  return line === "" ? "" : ` (${line.slice(0, MAX_DESCRIPTION_CHARS)})`;
}

function parsed(bytes: Uint8Array): Json | undefined {
  try {
    return readJson(bytes);
  } catch (error) {
    if (error instanceof JsonScanError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
