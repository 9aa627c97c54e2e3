// Fireworks, by API key.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://app.fireworks.ai/settings/users/api-keys */
export const fireworks = {
  id: "fireworks",
  name: "Fireworks",
  apiKey: {
    variables: ["FIREWORKS_API_KEY"],
    page: "https://app.fireworks.ai/settings/users/api-keys",
  },
} satisfies ProviderDescriptorInput;
