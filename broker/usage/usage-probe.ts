// One question to a provider: what is left of this account? The address is the descriptor's, and no answer
// moves it. Refuses to repeat itself: limits on such questions hold per address, so a second try costs everyone.

import {
  JsonScanError,
  type Outbound,
  OutboundError,
  type OutboundResponse,
  readJson,
} from "#platform";
import type { Credential } from "#wire";
import { BrokerError } from "../errors.ts";
import type { UsageProbe } from "../oauth/descriptor.ts";
import { credentialValues } from "../oauth/refresh-request.ts";
import { fillParams, type PlaceholderValues } from "../oauth/token-request.ts";
import { readHeaderTime } from "./usage-values.ts";

/** How long a provider may take to answer, in ms. */
export const PROBE_TIMEOUT_MS = 15_000;
/** Largest answer read, in bytes. */
export const MAX_PROBE_BYTES = 1024 * 1024;
/** The longest pause that a provider may ask for, in ms; a longer one counts as this. */
export const MAX_RETRY_AFTER_MS = 60 * 60_000;

/** Why usage is not known. */
export type UsageProbeErrorCode =
  | "usage_rate_limited"
  | "usage_refused"
  | "usage_unavailable"
  | "usage_unreachable"
  | "usage_answer_unusable";

/** A provider did not say how much is used; the message names its host and nothing that was sent. */
export class UsageProbeError extends BrokerError {
  declare readonly code: UsageProbeErrorCode;
  /** How long the provider wants to be left alone, in ms, where it said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: UsageProbeErrorCode,
    message: string,
    { retryAfterMs, cause }: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(code, message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** The provider's answer as JSON. Throws UsageProbeError. */
export async function probeUsage(
  probe: UsageProbe,
  credential: Credential,
  {
    outbound,
    signal,
    nowMs,
    timeoutMs = PROBE_TIMEOUT_MS,
  }: { outbound: Outbound; signal: AbortSignal; nowMs: () => number; timeoutMs?: number },
): Promise<unknown> {
  const { host } = new URL(probe.url);
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await outbound.send({
      ...requestOf(probe, credential),
      signal: AbortSignal.any([signal, deadline]),
      headersTimeoutMs: timeoutMs,
      idleTimeoutMs: timeoutMs,
      maxBytes: MAX_PROBE_BYTES,
      attempts: 1,
    });
    if (response.status !== 200) throw statusError(host, response, nowMs());
    return readAnswer(host, await response.bytes());
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    const problem = deadline.aborted ? `${host}: no answer within ${timeoutMs} ms` : error.message;
    throw new UsageProbeError("usage_unreachable", problem);
  }
}

function requestOf(probe: UsageProbe, credential: Credential) {
  const values = valuesOf(credential);
  const headers = lowerCased(fillParams(probe.headers, values));
  const { url, method, body } = probe;
  if (body === undefined)
    return { url, method, headers: { accept: "application/json", ...headers } };
  return {
    url,
    method,
    headers: { accept: "application/json", "content-type": "application/json", ...headers },
    body: JSON.stringify(filledBody(body, values)),
  };
}

// A refresh token is for the token endpoint alone, whatever a descriptor says.
function valuesOf(credential: Credential): PlaceholderValues {
  if (credential.type === "api_key") return { access: credential.key };
  return { ...credentialValues(credential), refresh: undefined };
}

function filledBody(
  body: Readonly<Record<string, unknown>>,
  values: PlaceholderValues,
): Record<string, unknown> {
  const texts = Object.entries(body).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  const rest = Object.entries(body).filter(([, value]) => typeof value !== "string");
  return { ...Object.fromEntries(rest), ...fillParams(Object.fromEntries(texts), values) };
}

function statusError(host: string, response: OutboundResponse, nowMs: number): UsageProbeError {
  const { status, headers } = response;
  response.cancel();
  const problem = `${host}: answered ${status}`;
  if (status === 429) {
    const retryAfterMs = readRetryAfter(headers.get("retry-after"), nowMs);
    return new UsageProbeError("usage_rate_limited", problem, { retryAfterMs });
  }
  if (status === 401 || status === 403) return new UsageProbeError("usage_refused", problem);
  return new UsageProbeError(
    status >= 500 ? "usage_unavailable" : "usage_answer_unusable",
    problem,
  );
}

function readRetryAfter(text: string | null, nowMs: number): number | undefined {
  const atMs = text === null ? undefined : readHeaderTime(text, nowMs);
  return atMs === undefined ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, atMs - nowMs));
}

function readAnswer(host: string, bytes: Uint8Array): unknown {
  try {
    return readJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonScanError)) throw error;
    throw new UsageProbeError("usage_answer_unusable", `${host}: answered no usable JSON`);
  }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return Object.fromEntries(entries);
}
