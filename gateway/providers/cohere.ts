// Cohere through its Compatibility API, which speaks Chat; the native dialect is not spoken here.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.cohere.ai with an API key. */
export const cohere: Provider = {
  id: "cohere",
  name: "Cohere",
  formats: ["chat"],
  baseUrl: "https://api.cohere.ai/compatibility/v1",
  baseUrlEnv: "COHERE_BASE_URL",
  quirks: {
    ...COMPATIBLE,
    refusedFields: ["logit_bias", "parallel_tool_calls", "service_tier", "user"],
  },
  modelPattern: /^command-/,
  endpoints: ["embeddings"],
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // From the guide to the Compatibility API, 2025.
  models: [{ id: "command-a-03-2025" }],
};
