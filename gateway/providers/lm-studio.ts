// LM Studio's server on this machine; served only when somebody asks for it.

import { OPEN_MODELS } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** Speaks Chat, and Responses of its own making. */
export const lmStudio: Provider = {
  id: "lm-studio",
  name: "LM Studio",
  formats: ["chat", "responses"],
  baseUrl: "http://127.0.0.1:1234/v1",
  baseUrlEnv: "LM_STUDIO_BASE_URL",
  isServedWith: "entry",
  endpoints: ["embeddings"],
  quirks: OPEN_MODELS,
  listsModels: true,
  takesUnlistedModels: true,
  needsKey: false,
  authorize: bearer,
  models: [],
};
