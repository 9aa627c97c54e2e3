// OpenAI's own API. Speaks Responses and Chat; other dialects go through Responses, which keeps reasoning.

import { bearer, type Provider } from "./provider.ts";

const INPUT = ["text", "image", "document"] as const;

/** api.openai.com with an API key, or with the token of a login with ChatGPT. */
export const openai: Provider = {
  id: "openai",
  name: "OpenAI",
  formats: ["responses", "chat"],
  baseUrl: "https://api.openai.com/v1",
  baseUrlEnv: "OPENAI_BASE_URL",
  quirks: { padsStreams: true },
  endpoints: ["input_tokens", "embeddings", "compact"],
  modelPattern: /^(gpt-|chatgpt-|codex-|o\d|text-embedding-)/,
  takesUnlistedModels: true,
  needsKey: true,
  // A login with ChatGPT yields tokens for this very address.
  takesGrants: true,
  requestIdHeader: "x-client-request-id",
  authorize: bearer,
  models: [
    { id: "gpt-5.5", contextWindow: 400_000, maxOutputTokens: 128_000, input: INPUT },
    { id: "gpt-5", contextWindow: 400_000, maxOutputTokens: 128_000, input: INPUT },
    { id: "gpt-5-mini", contextWindow: 400_000, maxOutputTokens: 128_000, input: INPUT },
    { id: "gpt-4.1", contextWindow: 1_047_576, maxOutputTokens: 32_768, input: INPUT },
    { id: "gpt-4o", contextWindow: 128_000, maxOutputTokens: 16_384, input: INPUT },
    { id: "gpt-4o-mini", contextWindow: 128_000, maxOutputTokens: 16_384, input: INPUT },
  ],
};
