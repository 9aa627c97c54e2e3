// Groq: reports usage in an envelope of its own, and refuses what it does not know, names of speakers included.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.groq.com with an API key. */
export const groq: Provider = {
  id: "groq",
  name: "Groq",
  formats: ["chat"],
  baseUrl: "https://api.groq.com/openai/v1",
  baseUrlEnv: "GROQ_BASE_URL",
  // Its SDK adds /openai/v1 itself.
  isHostVariable: true,
  quirks: {
    ...COMPATIBLE,
    hasNoNames: true,
    hasThinkTags: true,
    refusedFields: ["logit_bias", "prompt_cache_key", "verbosity"],
  },
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // As recorded traffic of 2026 shows them.
  models: [
    { id: "openai/gpt-oss-120b" },
    { id: "moonshotai/kimi-k2-instruct-0905" },
    { id: "meta-llama/llama-4-scout-17b-16e-instruct" },
  ],
};
