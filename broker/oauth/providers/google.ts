// Google's Gemini API, by key. Google's subscription logins are google-gemini-cli and google-antigravity.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://aistudio.google.com/apikey */
export const google = {
  id: "google",
  name: "Google Gemini API",
  apiKey: {
    variables: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    page: "https://aistudio.google.com/apikey",
  },
} satisfies ProviderDescriptorInput;
