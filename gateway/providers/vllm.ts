// vLLM on this machine or another; served only when somebody asks for it.

import { OPEN_MODELS } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** A key is shown only if one is configured, for servers started with --api-key. */
export const vllm: Provider = {
  id: "vllm",
  name: "vLLM",
  formats: ["chat"],
  baseUrl: "http://127.0.0.1:8000/v1",
  baseUrlEnv: "VLLM_BASE_URL",
  isServedWith: "entry",
  endpoints: ["embeddings"],
  quirks: OPEN_MODELS,
  listsModels: true,
  takesUnlistedModels: true,
  needsKey: false,
  authorize: bearer,
  models: [],
};
