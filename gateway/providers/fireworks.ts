// Fireworks: open models, asked for as `fireworks/accounts/fireworks/models/NAME`.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.fireworks.ai with an API key. */
export const fireworks: Provider = {
  id: "fireworks",
  name: "Fireworks",
  formats: ["chat"],
  baseUrl: "https://api.fireworks.ai/inference/v1",
  baseUrlEnv: "FIREWORKS_BASE_URL",
  quirks: { ...COMPATIBLE, hasThinkTags: true },
  endpoints: ["embeddings"],
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  models: [],
};
