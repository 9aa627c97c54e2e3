// Together, by API key.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://api.together.ai/settings/api-keys */
export const together = {
  id: "together",
  name: "Together",
  apiKey: { variables: ["TOGETHER_API_KEY"], page: "https://api.together.ai/settings/api-keys" },
} satisfies ProviderDescriptorInput;
