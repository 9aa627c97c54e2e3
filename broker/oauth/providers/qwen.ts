// Qwen: Alibaba Cloud Model Studio's API keys. Qwen's free login is gone; it is described so that an
// imported grant of it is recognized for what it is.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TOKEN_URL = "https://chat.qwen.ai/api/v1/oauth2/token";

/** https://www.npmjs.com/package/@qwen-code/qwen-code (0.24.4, its page on authentication) */
export const qwen = {
  id: "qwen",
  name: "Qwen (Model Studio)",
  apiKey: {
    variables: ["DASHSCOPE_API_KEY", "QWEN_API_KEY", "ALIBABA_API_KEY"],
    page: "https://modelstudio.console.alibabacloud.com/?tab=playground#/api-key",
  },
  oauth: {
    policy: {
      status: "discontinued",
      reason: "Qwen ended its free login on 2026-04-15. Use a Model Studio or Coding Plan API key.",
      link: "https://www.npmjs.com/package/@qwen-code/qwen-code",
    },
    source: "public code: tombii/better-ccflare 8e5ac15d",
    asksFor: "your profile, and requests that count against your Qwen account",
    flow: {
      kind: "device",
      scopes: ["openid", "profile", "email", "model.completion"],
      deviceUrl: "https://chat.qwen.ai/api/v1/oauth2/device/code",
      tokenUrl: TOKEN_URL,
    },
    response: { keep: { apiEndpoint: "resource_url" } },
    refresh: {
      url: TOKEN_URL,
      params: {
        grant_type: "refresh_token",
        refresh_token: "{refresh}",
        client_id: "{clientId}",
      },
    },
  },
} satisfies ProviderDescriptorInput;
