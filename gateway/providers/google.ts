// Google's Gemini API through its OpenAI-compatible endpoint; the native dialect comes with the gateway issue.

import { bearer, type Provider } from "./provider.ts";

/** generativelanguage.googleapis.com with an API key. */
export const google: Provider = {
  id: "google",
  name: "Google Gemini",
  formats: ["chat"],
  baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
  quirks: { hasLegacyMaxTokens: true, hasNoDeveloperRole: true, hasNoFreeformTools: true },
  modelPattern: /^gemini-/,
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  models: [
    {
      id: "gemini-2.5-pro",
      contextWindow: 1_048_576,
      maxOutputTokens: 65_536,
      input: ["text", "image"],
    },
    {
      id: "gemini-2.5-flash",
      contextWindow: 1_048_576,
      maxOutputTokens: 65_536,
      input: ["text", "image"],
    },
  ],
};
