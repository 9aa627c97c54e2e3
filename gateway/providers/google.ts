// Google's Gemini API. Speaks generateContent, which keeps thought signatures and reports thinking; its
// OpenAI-compatible endpoint, which does neither, is one setting away (`providers.google.api: chat`).

import { authorizeAs, type Provider } from "./provider.ts";

const INPUT = ["text", "image", "audio", "document"] as const;
const LIMITS = { contextWindow: 1_048_576, maxOutputTokens: 65_536, input: INPUT } as const;

/** generativelanguage.googleapis.com with an API key. */
export const google: Provider = {
  id: "google",
  name: "Google Gemini",
  formats: ["generate"],
  baseUrl: "https://generativelanguage.googleapis.com",
  baseUrlEnv: "GOOGLE_GEMINI_BASE_URL",
  otherBaseUrls: { chat: "https://generativelanguage.googleapis.com/v1beta/openai" },
  quirks: { hasLegacyMaxTokens: true, hasNoDeveloperRole: true, hasNoFreeformTools: true },
  endpoints: ["count_tokens"],
  modelPattern: /^gemini-/,
  takesUnlistedModels: true,
  needsKey: true,
  authorize: authorizeAs,
  models: [
    { id: "gemini-3-pro-preview", ...LIMITS },
    { id: "gemini-3-flash-preview", ...LIMITS },
    { id: "gemini-2.5-pro", ...LIMITS },
    { id: "gemini-2.5-flash", ...LIMITS },
    { id: "gemini-2.5-flash-lite", ...LIMITS },
  ],
};
