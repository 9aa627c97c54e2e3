// The contract of an upstream: where it is, which dialects it speaks, how a key is shown to it, which
// models it is known to have. A provider holds no credential and opens no connection.

import { isJsonObject, parseJson, type FormatId, type JsonObject } from "#wire";
import type { Environment, OutboundRequest, OutboundResponse } from "#platform";
import type { Quirks } from "../formats/format.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ExchangeKey } from "./exchange.ts";
import type { StandIn } from "./model-stand-in.ts";

/** What the gateway knows of a model; absent means unknown, never a guess. */
export interface ModelInfo {
  /** Id as the upstream knows it. */
  readonly id: string;
  readonly name?: string;
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  readonly input?: readonly ("text" | "image" | "audio" | "document")[];
}

/** What the address of a call may depend on. */
export interface UpstreamCall {
  readonly format: FormatId;
  /** Id as the upstream knows it. */
  readonly model: string;
  readonly isStream: boolean;
}

/** An upstream; to add one: a file here that exports it and a line in index.ts. */
export interface Provider {
  /** Lower-case id: prefix of `provider/model`, and `provider` of a broker credential. */
  readonly id: string;
  readonly name: string;
  /** Dialects it speaks; a caller of another dialect is translated to the first. */
  readonly formats: readonly [FormatId, ...FormatId[]];
  /** Dialects of one model, where not every model speaks all of them. */
  readonly formatsOf?: (model: string) => readonly [FormatId, ...FormatId[]];
  /** With /v1 where it speaks chat or responses, without a version where it speaks messages or generate. */
  readonly baseUrl: string;
  /** Where dialects lie that it does not speak by default, but an operator may choose with `api`. */
  readonly otherBaseUrls?: Readonly<Partial<Record<FormatId, string>>>;
  /** Environment variable that overrides baseUrl, as the vendor's own SDK has it. */
  readonly baseUrlEnv?: string;
  /** Other variables that say the same; the first that is set wins, and baseUrlEnv before them. */
  readonly baseUrlAliases?: readonly string[];
  /** True when that variable names a host, as `127.0.0.1:11434`, and the path stays the provider's own. */
  readonly isHostVariable?: true;
  readonly quirks: Quirks;
  /** Path behind baseUrl that answers a good key only, where anybody gets the list of models. */
  readonly keyCheckPath?: string;
  /** What it serves beside answers; absent: nothing that is known. */
  readonly endpoints?: readonly Endpoint[];
  readonly models: readonly ModelInfo[];
  /** True when it is also asked for its models, because nobody else knows them. */
  readonly listsModels?: true;
  /** Bare model ids that belong here although they are not listed. */
  readonly modelPattern?: RegExp;
  /** True when ids that are not listed are sent as they are; false makes them unknown. */
  readonly takesUnlistedModels: boolean;
  /** False for an upstream that needs no credential (a local server, the simulator). */
  readonly needsKey: boolean;
  /** True when an OAuth grant's access token is shown just as an API key is. */
  readonly takesGrants?: true;
  /**
   * When it is served at all: with an entry of the operator's (or its variable) only, or only when that says where it
   * is, because it has no address of its own. Absent: always.
   */
  readonly isServedWith?: "entry" | "address";
  /** Variables whose value is sent in a header, by the header's name; the operator's own come on top. */
  readonly headerVariables?: Readonly<Record<string, string>>;
  /** Sent with every call; the operator's own come on top. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What an operator's address must look like, where not every URL can be one. */
  readonly baseUrlForm?: { readonly pattern: RegExp; readonly example: string };
  /** Makes what is shown of a key that is not shown itself. */
  readonly exchange?: ExchangeKey;
  /** What stands in the body in place of `model`, in dialects whose path names it here. */
  readonly modelStandIn?: Readonly<Partial<Record<FormatId, StandIn>>>;
  /** Headers that show the key, or what it was exchanged for, in the dialect's manner. */
  authorize(key: string, format: FormatId): Readonly<Record<string, string>>;
  /** Headers that say what a call is about, from its body. */
  readonly describeCall?: (body: JsonObject, format: FormatId) => Readonly<Record<string, string>>;
  /** Where a call goes, for hosts whose path is not just the dialect's. */
  readonly address?: (baseUrl: string, call: UpstreamCall) => string;
  /** Where an endpoint is that does not lie beside answers; undefined for those that do. */
  readonly endpointAddress?: (
    baseUrl: string,
    endpoint: Endpoint,
    format: FormatId,
  ) => string | undefined;
  /** The values of `anthropic-beta` that the host takes, each with its name there; absent: every one, unchanged. */
  readonly betas?: Readonly<Record<string, string>>;
  /** Header in which the vendor takes its client's own request id, for its support to find. */
  readonly requestIdHeader?: string;
  /** Answers in-process instead of over the network (the simulator). */
  readonly answer?: (request: OutboundRequest, format: FormatId) => Promise<OutboundResponse>;
}

/** The variables that may say where it is, the first that is set before others. */
export function baseUrlVariables({
  baseUrlEnv,
  baseUrlAliases = [],
}: Pick<Provider, "baseUrlEnv" | "baseUrlAliases">): readonly string[] {
  return baseUrlEnv === undefined ? [] : [baseUrlEnv, ...baseUrlAliases];
}

/** The address that the provider's variable gives it; undefined when it is not set. */
export function baseUrlFrom(provider: Provider, env: Environment): string | undefined {
  const { baseUrl, isHostVariable } = provider;
  const given = baseUrlVariables(provider)
    .map((name) => env[name]?.trim())
    .find(Boolean);
  if (!given || !isHostVariable) return given || undefined;
  const own = new URL(baseUrl);
  const hasScheme = /^https?:\/\//.test(given);
  const url = URL.parse(hasScheme ? given : `http://${given}`);
  if (!url) return given;
  if (!hasScheme && url.port === "") url.port = own.port;
  // A server's own variable says where it listens; "everywhere" is no address to call.
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.pathname === "/") url.pathname = own.pathname;
  return url.href;
}

/** The URL of a call, behind a base URL of the form Provider.baseUrl describes. */
export function upstreamUrl(baseUrl: string, { format, model, isStream }: UpstreamCall): string {
  const base = baseUrl.replace(/\/+$/, "");
  switch (format) {
    case "chat":
      return `${base}/chat/completions`;
    case "responses":
      return `${base}/responses`;
    case "messages":
      // Written without /v1 (Anthropic's SDK convention); both are understood.
      return `${base.replace(/\/v1$/, "")}/v1/messages`;
    case "generate": {
      // Written without a version (Google's SDK convention); both are understood.
      const root = /\/v1(?:alpha|beta\d*)?$/.test(base) ? base : `${base}/v1beta`;
      const method = isStream ? "streamGenerateContent?alt=sse" : "generateContent";
      return `${root}/models/${encodeURIComponent(model)}:${method}`;
    }
  }
}

/** The URL at which an upstream lists its models. */
export function modelsUrl({ baseUrl, formats }: Provider): string {
  const base = baseUrl.replace(/\/+$/, "");
  return formats[0] === "messages" ? `${base.replace(/\/v1$/, "")}/v1/models` : `${base}/models`;
}

/** The URL a call to `provider` goes to. */
export function callUrl({ baseUrl, address }: Provider, call: UpstreamCall): string {
  return (address ?? upstreamUrl)(baseUrl, call);
}

/** The provider's own headers for a call with this body. */
export function callHeaders(
  { headers, describeCall }: Provider,
  body: string | Uint8Array,
  format: FormatId,
): Readonly<Record<string, string>> {
  if (!describeCall) return headers ?? {};
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const parsed = parseJson(text);
  return { ...headers, ...(isJsonObject(parsed) && describeCall(parsed, format)) };
}

/** `Authorization: Bearer`, as Chat and Responses show a key. */
export function bearer(key: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${key}` };
}

/** How an upstream of `format` is shown a key, where its provider does not say otherwise. */
export function authorizeAs(key: string, format: FormatId): Readonly<Record<string, string>> {
  if (format === "messages") return { "x-api-key": key };
  if (format === "generate") return { "x-goog-api-key": key };
  return bearer(key);
}
