// Azure OpenAI, by a key of the operator's own resource.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://learn.microsoft.com/azure/ai-foundry/openai/reference */
export const azure = {
  id: "azure",
  name: "Azure OpenAI",
  apiKey: { variables: ["AZURE_OPENAI_API_KEY"], page: "https://portal.azure.com" },
} satisfies ProviderDescriptorInput;
