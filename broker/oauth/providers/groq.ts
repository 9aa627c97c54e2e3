// Groq, by API key.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://console.groq.com/keys */
export const groq = {
  id: "groq",
  name: "Groq",
  apiKey: { variables: ["GROQ_API_KEY"], page: "https://console.groq.com/keys" },
  usageHeaders: [
    {
      id: "requests",
      label: "Requests",
      limit: "x-ratelimit-limit-requests",
      remaining: "x-ratelimit-remaining-requests",
      resetsAt: "x-ratelimit-reset-requests",
      unit: "requests",
    },
    {
      id: "tokens",
      label: "Tokens",
      limit: "x-ratelimit-limit-tokens",
      remaining: "x-ratelimit-remaining-tokens",
      resetsAt: "x-ratelimit-reset-tokens",
      unit: "tokens",
    },
  ],
} satisfies ProviderDescriptorInput;
