// xAI: API keys, and the login of a Grok subscription by device code. The only client known for the latter
// is that of xAI's own CLI, so the operator needs one that xAI issued to them.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TOKEN_URL = "https://auth.x.ai/oauth2/token";

/** https://docs.x.ai/docs/overview */
export const xai = {
  id: "xai",
  name: "xAI",
  apiKey: { variables: ["XAI_API_KEY"], page: "https://console.x.ai" },
  oauth: {
    policy: {
      status: "own-app-required",
      reason:
        "Nothing that xAI has published opens this login to other apps, and the one client id known is the Grok CLI's, which we do not borrow. It takes a client id that xAI issued to you; else use an API key.",
      link: "https://docs.x.ai/docs/overview",
    },
    source: "public code: npm @earendil-works/pi-ai 1.5.2; endpoints from auth.x.ai's discovery",
    asksFor: "who you are, and requests that count against your Grok plan",
    flow: {
      kind: "device",
      scopes: ["openid", "profile", "email", "offline_access", "api:access"],
      deviceUrl: "https://auth.x.ai/oauth2/device/code",
      tokenUrl: TOKEN_URL,
    },
    refresh: {
      url: TOKEN_URL,
      params: {
        grant_type: "refresh_token",
        refresh_token: "{refresh}",
        client_id: "{clientId}",
      },
    },
    identity: {
      from: "userinfo",
      userinfoUrl: "https://auth.x.ai/oauth2/userinfo",
      fields: { email: ["email"], accountId: ["sub"] },
    },
  },
} satisfies ProviderDescriptorInput;
