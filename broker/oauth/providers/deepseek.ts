// DeepSeek, by API key.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://platform.deepseek.com/api_keys */
export const deepseek = {
  id: "deepseek",
  name: "DeepSeek",
  apiKey: { variables: ["DEEPSEEK_API_KEY"], page: "https://platform.deepseek.com/api_keys" },
} satisfies ProviderDescriptorInput;
