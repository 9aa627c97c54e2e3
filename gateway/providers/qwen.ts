// Qwen on Alibaba Cloud's Model Studio (DashScope), international; other regions by their base URL.

import { COMPATIBLE } from "./compatible.ts";
import { bearer, type Provider } from "./provider.ts";

/** dashscope-intl.aliyuncs.com with an API key. */
export const qwen: Provider = {
  id: "qwen",
  name: "Qwen (Model Studio)",
  formats: ["chat"],
  baseUrl: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
  baseUrlEnv: "DASHSCOPE_BASE_URL",
  baseUrlAliases: ["QWEN_BASE_URL", "ALIBABA_BASE_URL"],
  quirks: {
    ...COMPATIBLE,
    thinkingField: "enable_thinking",
    hasNoForcedTools: true,
  },
  modelPattern: /^(qwen|qwq|qvq)\d*[-.]/,
  endpoints: ["embeddings"],
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  models: [],
};
