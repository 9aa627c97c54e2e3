// Amazon Bedrock, by one of its API keys, short- or long-term. Keys of an AWS account, which sign, are none.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html */
export const bedrock = {
  id: "bedrock",
  name: "Amazon Bedrock",
  apiKey: {
    variables: ["AWS_BEARER_TOKEN_BEDROCK"],
    page: "https://console.aws.amazon.com/bedrock/home#/api-keys",
  },
} satisfies ProviderDescriptorInput;
