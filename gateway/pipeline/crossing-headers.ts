// Which headers cross the gateway, both ways: open lists for what vendors add every month (`anthropic-*`),
// closed ones for everything else. Never credentials, cookies, organisations or hop-by-hop fields.

import { VERSION } from "#platform";
import type { FormatId } from "#wire";

/** Version of the Messages API that callers who name none get. */
export const DEFAULT_ANTHROPIC_VERSION = "2023-06-01";

/** Header names repeat on every request; asking a pattern once for each is enough. */
const MAX_REMEMBERED_NAMES = 1_000;

function remember(decide: (name: string) => boolean): (name: string) => boolean {
  const decided = new Map<string, boolean>();
  return (name) => {
    const known = decided.get(name);
    if (known !== undefined) return known;
    const made = decide(name);
    if (decided.size < MAX_REMEMBERED_NAMES) decided.set(name, made);
    return made;
  };
}

const TO_UPSTREAM = /^(anthropic-|openai-beta$)/;
const TO_SIMULATOR = "x-parley-sim";
const TO_CALLER =
  /^(retry-after|retry-after-ms|x-should-retry|anthropic-ratelimit-.*|x-ratelimit-.*|openai-processing-ms|openai-version)$/;
const PRIVATE = /organization|project|workspace/;
const reachesUpstream = remember((name) => TO_UPSTREAM.test(name) && !PRIVATE.test(name));
const reachesCaller = remember((name) => TO_CALLER.test(name) && !PRIVATE.test(name));

/** What a call to an upstream is like. */
export interface Crossing {
  readonly format: FormatId;
  readonly isSameFormat: boolean;
  readonly isSimulated: boolean;
  readonly isStream: boolean;
  /** True where the body says which version of the dialect is meant. */
  readonly isVersionInBody?: boolean;
}

/** The part of a caller's query that an upstream of the same format gets: the beta switch of Messages. */
export function crossingQuery(query: string): string {
  if (query === "") return "";
  return new URLSearchParams(query).get("beta") === "true" ? "?beta=true" : "";
}

/** Headers of a call to an upstream of `format`, besides the ones that show the key. */
export function upstreamHeaders(
  caller: Headers,
  { format, isSameFormat, isSimulated, isStream, isVersionInBody }: Crossing,
): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    accept: isStream ? "text/event-stream" : "application/json",
    "accept-encoding": "identity",
    "user-agent": `parley/${VERSION}`,
  };
  if (format === "messages") headers["anthropic-version"] = DEFAULT_ANTHROPIC_VERSION;
  if (isSameFormat) {
    caller.forEach((value, name) => {
      if (reachesUpstream(name)) headers[name] = value;
    });
  }
  if (isVersionInBody) delete headers["anthropic-version"];
  const simulated = isSimulated ? caller.get(TO_SIMULATOR) : null;
  if (simulated !== null) headers[TO_SIMULATOR] = simulated;
  return headers;
}

/** Headers of an upstream's answer that its caller may see. */
export function callerHeaders(upstream: Headers, requestId: string): Record<string, string> {
  const headers: Record<string, string> = { ...requestIdHeaders(requestId) };
  upstream.forEach((value, name) => {
    if (reachesCaller(name)) headers[name] = value;
  });
  const upstreamId = upstream.get("request-id") ?? upstream.get("x-request-id");
  if (upstreamId) headers["x-upstream-request-id"] = upstreamId;
  return headers;
}

/** The request id under the names both vendors' clients look for. */
export function requestIdHeaders(requestId: string): Record<string, string> {
  return { "x-request-id": requestId, "request-id": requestId };
}
