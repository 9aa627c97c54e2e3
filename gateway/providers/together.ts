// Together: open models, asked for as `together/vendor/model`.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.together.xyz with an API key. */
export const together: Provider = {
  id: "together",
  name: "Together",
  formats: ["chat"],
  baseUrl: "https://api.together.xyz/v1",
  baseUrlEnv: "TOGETHER_BASE_URL",
  quirks: { ...COMPATIBLE, hasThinkTags: true },
  endpoints: ["embeddings"],
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // As recorded traffic of 2026 shows them.
  models: [{ id: "meta-llama/Llama-3.3-70B-Instruct-Turbo" }],
};
