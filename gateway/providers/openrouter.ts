// OpenRouter: many models behind one Chat endpoint. Its ids hold a slash (`vendor/model`), so they are
// always asked for as `openrouter/vendor/model`.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** openrouter.ai with an API key. */
export const openrouter: Provider = {
  id: "openrouter",
  name: "OpenRouter",
  formats: ["chat"],
  baseUrl: "https://openrouter.ai/api/v1",
  baseUrlEnv: "OPENROUTER_BASE_URL",
  // Which app is listed for the requests.
  headerVariables: { "http-referer": "OPENROUTER_SITE_URL", "x-title": "OPENROUTER_APP_NAME" },
  quirks: { ...COMPATIBLE, thinkingField: "reasoning" },
  keyCheckPath: "/key",
  endpoints: ["embeddings"],
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  models: [],
};
