// Anthropic's own API. Speaks Messages; `x-api-key`, never a bearer, for API keys.

import type { Provider } from "./provider.ts";

const INPUT = ["text", "image", "document"] as const;

/** api.anthropic.com with an API key. */
export const anthropic: Provider = {
  id: "anthropic",
  name: "Anthropic",
  formats: ["messages"],
  baseUrl: "https://api.anthropic.com",
  baseUrlEnv: "ANTHROPIC_BASE_URL",
  quirks: { cachesWhatIsMarked: true },
  endpoints: ["count_tokens"],
  modelPattern: /^claude-/,
  takesUnlistedModels: true,
  needsKey: true,
  authorize: (key) => ({ "x-api-key": key }),
  models: [
    { id: "claude-opus-4-8", contextWindow: 200_000, maxOutputTokens: 64_000, input: INPUT },
    { id: "claude-sonnet-5", contextWindow: 200_000, maxOutputTokens: 64_000, input: INPUT },
    { id: "claude-opus-4-6", contextWindow: 200_000, maxOutputTokens: 64_000, input: INPUT },
    { id: "claude-sonnet-4-6", contextWindow: 200_000, maxOutputTokens: 64_000, input: INPUT },
    { id: "claude-sonnet-4-5", contextWindow: 200_000, maxOutputTokens: 64_000, input: INPUT },
    { id: "claude-haiku-4-5", contextWindow: 200_000, maxOutputTokens: 64_000, input: INPUT },
  ],
};
