// Z.AI's GLM models. The coding plan has an address of its own: https://api.z.ai/api/coding/paas/v4.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.z.ai with an API key. */
export const zai: Provider = {
  id: "zai",
  name: "Z.AI",
  formats: ["chat"],
  baseUrl: "https://api.z.ai/api/paas/v4",
  baseUrlEnv: "ZAI_BASE_URL",
  quirks: { ...COMPATIBLE, wantsReasoningContent: true, thinkingField: "thinking" },
  modelPattern: /^glm-/,
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // As recorded traffic of 2026 shows them.
  models: [{ id: "glm-5.2" }, { id: "glm-4.7" }, { id: "glm-4.7-flash" }],
};
