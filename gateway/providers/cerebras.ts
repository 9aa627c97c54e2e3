// Cerebras: open models on its own chips. It answers tools of mixed strictness, and penalties, with a refusal.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.cerebras.ai with an API key. */
export const cerebras: Provider = {
  id: "cerebras",
  name: "Cerebras",
  formats: ["chat"],
  baseUrl: "https://api.cerebras.ai/v1",
  baseUrlEnv: "CEREBRAS_BASE_URL",
  isHostVariable: true,
  quirks: {
    ...COMPATIBLE,
    wantsOneStrictness: true,
    refusedFields: [
      "frequency_penalty",
      "logit_bias",
      "parallel_tool_calls",
      "presence_penalty",
      "prompt_cache_key",
      "service_tier",
      "verbosity",
    ],
  },
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // As recorded traffic of 2026 shows them.
  models: [{ id: "gpt-oss-120b" }, { id: "zai-glm-4.7" }, { id: "qwen-3-coder-480b" }],
};
