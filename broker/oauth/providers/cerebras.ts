// Cerebras, by API key.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://cloud.cerebras.ai */
export const cerebras = {
  id: "cerebras",
  name: "Cerebras",
  apiKey: { variables: ["CEREBRAS_API_KEY"], page: "https://cloud.cerebras.ai" },
} satisfies ProviderDescriptorInput;
