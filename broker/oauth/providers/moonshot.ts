// Moonshot's Kimi API, by key. The Kimi Code subscription is kimi-code.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://platform.moonshot.ai/console/api-keys */
export const moonshot = {
  id: "moonshot",
  name: "Moonshot (Kimi API)",
  apiKey: {
    variables: ["MOONSHOT_API_KEY", "KIMI_API_KEY"],
    page: "https://platform.moonshot.ai/console/api-keys",
  },
} satisfies ProviderDescriptorInput;
