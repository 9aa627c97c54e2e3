// Mistral, by API key.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://console.mistral.ai/api-keys */
export const mistral = {
  id: "mistral",
  name: "Mistral",
  apiKey: { variables: ["MISTRAL_API_KEY"], page: "https://console.mistral.ai/api-keys" },
} satisfies ProviderDescriptorInput;
