// Ollama on this machine, or wherever OLLAMA_HOST says; served only when somebody asks for it.

import { OPEN_MODELS } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** A key is shown only if one is configured, as for the models of ollama.com. */
export const ollama: Provider = {
  id: "ollama",
  name: "Ollama",
  formats: ["chat"],
  baseUrl: "http://127.0.0.1:11434/v1",
  baseUrlEnv: "OLLAMA_HOST",
  isHostVariable: true,
  isServedWith: "entry",
  endpoints: ["embeddings"],
  quirks: OPEN_MODELS,
  listsModels: true,
  takesUnlistedModels: true,
  needsKey: false,
  authorize: bearer,
  models: [],
};
