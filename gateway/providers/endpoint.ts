// What an upstream may serve beside answers. Such calls pass through in the one dialect that has them; nothing is
// translated. A provider lists what it is known to have, and an operator may say so of their own.

import type { CallerFormatId } from "#wire";

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
