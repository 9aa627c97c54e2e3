// Z.AI (GLM models), by API key.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://z.ai/manage-apikey/apikey-list */
export const zai = {
  id: "zai",
  name: "Z.AI",
  apiKey: { variables: ["ZAI_API_KEY"], page: "https://z.ai/manage-apikey/apikey-list" },
} satisfies ProviderDescriptorInput;
