// llama.cpp's llama-server on this machine; served only when somebody asks for it.

import { OPEN_MODELS } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** Reports a failure in mid-stream as a line of its own, which the Chat decoder knows. */
export const llamaCpp: Provider = {
  id: "llama-cpp",
  name: "llama.cpp",
  formats: ["chat"],
  baseUrl: "http://127.0.0.1:8080/v1",
  baseUrlEnv: "LLAMA_CPP_BASE_URL",
  isServedWith: "entry",
  endpoints: ["embeddings"],
  quirks: OPEN_MODELS,
  listsModels: true,
  takesUnlistedModels: true,
  needsKey: false,
  authorize: bearer,
  models: [],
};
