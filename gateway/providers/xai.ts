// xAI: Responses, which keeps its reasoning, and Chat; counts reasoning beside the completion.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.x.ai with an API key, or with a login's token. */
export const xai: Provider = {
  id: "xai",
  name: "xAI",
  formats: ["responses", "chat"],
  baseUrl: "https://api.x.ai/v1",
  baseUrlEnv: "XAI_BASE_URL",
  takesGrants: true,
  quirks: COMPATIBLE,
  modelPattern: /^grok-/,
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  // As recorded traffic of 2026 shows them.
  models: [{ id: "grok-4.3" }, { id: "grok-4-fast" }, { id: "grok-code-fast-1" }],
};
