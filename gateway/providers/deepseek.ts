// DeepSeek: thinks in `reasoning_content`, wants it back with tool calls, and knows JSON but no schema for it.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.deepseek.com with an API key. */
export const deepseek: Provider = {
  id: "deepseek",
  name: "DeepSeek",
  formats: ["chat", "responses"],
  baseUrl: "https://api.deepseek.com",
  baseUrlEnv: "DEEPSEEK_BASE_URL",
  quirks: {
    ...COMPATIBLE,
    wantsReasoningContent: true,
    thinkingField: "thinking",
    forcesToolsUnthinking: true,
    hasNoJsonSchema: true,
  },
  modelPattern: /^deepseek-/,
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // As recorded traffic of 2026 shows them.
  models: [{ id: "deepseek-v4-flash" }, { id: "deepseek-chat" }, { id: "deepseek-reasoner" }],
};
