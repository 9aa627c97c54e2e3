// The contract of an upstream: where it is, which dialects it speaks, how a key is shown to it, which
// models it is known to have. A provider holds no credential and opens no connection.

import type { FormatId } from "#wire";
import type { OutboundRequest, OutboundResponse } from "#platform";
import type { Quirks } from "../formats/format.ts";

/** What the gateway knows of a model; absent means unknown, never a guess. */
export interface ModelInfo {
  /** Id as the upstream knows it. */
  readonly id: string;
  readonly name?: string;
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  readonly input?: readonly ("text" | "image" | "audio" | "document")[];
}

/** An upstream; to add one: a file here that exports it and a line in index.ts. */
export interface Provider {
  /** Lower-case id: prefix of `provider/model`, and `provider` of a broker credential. */
  readonly id: string;
  readonly name: string;
  /** Dialects it speaks; a caller of another dialect is translated to the first. */
  readonly formats: readonly [FormatId, ...FormatId[]];
  /** With /v1 where it speaks chat or responses, without where it speaks messages. */
  readonly baseUrl: string;
  /** Environment variable that overrides baseUrl, as the vendor's own SDK has it. */
  readonly baseUrlEnv?: string;
  readonly quirks: Quirks;
  readonly models: readonly ModelInfo[];
  /** Bare model ids that belong here although they are not listed. */
  readonly modelPattern?: RegExp;
  /** True when ids that are not listed are sent as they are; false makes them unknown. */
  readonly takesUnlistedModels: boolean;
  /** False for an upstream that needs no credential (a local server, the simulator). */
  readonly needsKey: boolean;
  /** True when an OAuth grant's access token is shown just as an API key is. */
  readonly takesGrants?: true;
  /** Headers that show the key, in the dialect's manner. */
  authorize(key: string, format: FormatId): Readonly<Record<string, string>>;
  /** Answers in-process instead of over the network (the simulator). */
  readonly answer?: (request: OutboundRequest, format: FormatId) => Promise<OutboundResponse>;
}

/** Path of each dialect behind a base URL of the form Provider.baseUrl describes. */
export const UPSTREAM_PATHS: Readonly<Record<FormatId, string>> = {
  chat: "/chat/completions",
  responses: "/responses",
  messages: "/v1/messages",
};

/** The URL requests of `format` go to. */
export function upstreamUrl(baseUrl: string, format: FormatId): string {
  const base = baseUrl.replace(/\/+$/, "");
  // A messages base URL is written without /v1 (Anthropic's SDK convention); both are understood.
  const root = format === "messages" ? base.replace(/\/v1$/, "") : base;
  return root + UPSTREAM_PATHS[format];
}

/** `Authorization: Bearer`, as every dialect but Messages shows a key. */
export function bearer(key: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${key}` };
}
