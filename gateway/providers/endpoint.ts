// What an upstream may serve beside answers. Such calls pass through in the one dialect that has them; only counts are
// also translated. A provider lists what it is known to have, and an operator may say so of their own.

import type { CallerFormatId, FormatId } from "#wire";

/** Endpoints by name. */
export const ENDPOINTS = ["count_tokens", "input_tokens", "embeddings", "compact"] as const;

/** One of them. */
export type Endpoint = (typeof ENDPOINTS)[number];

/** The dialect that has the endpoint. */
export const ENDPOINT_FORMATS: Readonly<Record<Endpoint, CallerFormatId>> = {
  count_tokens: "messages",
  input_tokens: "responses",
  compact: "responses",
  embeddings: "chat",
};

/** The endpoint at which an upstream counts a request of its dialect; Gemini calls it countTokens. */
export const COUNT_ENDPOINTS: Readonly<Partial<Record<FormatId, Endpoint>>> = {
  messages: "count_tokens",
  responses: "input_tokens",
  generate: "count_tokens",
};
