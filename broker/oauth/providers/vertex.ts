// Google's Vertex AI, by the JSON key of a service account. Google's own logins are other programs' and not borrowed.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://docs.cloud.google.com/iam/docs/keys-create-delete */
export const vertex = {
  id: "vertex",
  name: "Vertex AI",
  apiKey: {
    variables: ["GOOGLE_CREDENTIALS"],
    page: "https://console.cloud.google.com/iam-admin/serviceaccounts",
  },
} satisfies ProviderDescriptorInput;
