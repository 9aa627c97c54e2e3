// Mistral: refuses every field it does not know, and tool call ids that are not nine letters and digits.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.mistral.ai with an API key. */
export const mistral: Provider = {
  id: "mistral",
  name: "Mistral",
  formats: ["chat"],
  baseUrl: "https://api.mistral.ai/v1",
  baseUrlEnv: "MISTRAL_BASE_URL",
  quirks: {
    ...COMPATIBLE,
    hasNineCharToolIds: true,
    hasNoNames: true,
    hasLeadingSystemOnly: true,
    seedField: "random_seed",
    refusedFields: ["logit_bias", "service_tier", "user", "verbosity"],
  },
  modelPattern: /^(mistral|ministral|magistral|codestral|devstral|voxtral|pixtral)-/,
  endpoints: ["embeddings"],
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // As recorded traffic of 2026 shows them.
  models: [
    { id: "mistral-large-latest" },
    { id: "mistral-medium-latest" },
    { id: "mistral-small-latest" },
    { id: "magistral-medium-latest" },
    { id: "voxtral-small-latest" },
  ],
};
