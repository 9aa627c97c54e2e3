// Moonshot's Kimi API, by key. Its models think unless told not to, and then let no tool be forced.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.moonshot.ai with an API key. */
export const moonshot: Provider = {
  id: "moonshot",
  name: "Moonshot (Kimi API)",
  formats: ["chat"],
  baseUrl: "https://api.moonshot.ai/v1",
  baseUrlEnv: "MOONSHOT_BASE_URL",
  baseUrlAliases: ["KIMI_BASE_URL"],
  quirks: {
    ...COMPATIBLE,
    wantsReasoningContent: true,
    thinkingField: "thinking_off",
    hasNoForcedTools: true,
  },
  modelPattern: /^(kimi|moonshot)-/,
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // As its users saw them served in August 2026.
  models: [{ id: "kimi-k3" }, { id: "kimi-k2.7-code" }, { id: "kimi-k2.6" }, { id: "kimi-k2.5" }],
};
