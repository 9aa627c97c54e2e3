// Cohere, by API key.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://dashboard.cohere.com/api-keys */
export const cohere = {
  id: "cohere",
  name: "Cohere",
  apiKey: {
    variables: ["COHERE_API_KEY", "CO_API_KEY"],
    page: "https://dashboard.cohere.com/api-keys",
  },
} satisfies ProviderDescriptorInput;
