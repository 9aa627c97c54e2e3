// The Kimi Code subscription by device code. The only client known is that of Moonshot's own CLI, so the
// operator needs one that Moonshot issued to them. Moonshot's API keys are provider `moonshot`.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TOKEN_URL = "https://auth.kimi.com/api/oauth/token";

/** https://www.kimi.com/code */
export const kimiCode = {
  id: "kimi-code",
  name: "Kimi Code",
  oauth: {
    policy: {
      status: "own-app-required",
      reason:
        "Nothing that Moonshot has published opens this login to other apps, and the one client id known is its own CLI's, which we do not borrow. It takes a client id that Moonshot issued to you; else use an API key: provider `moonshot`.",
      link: "https://www.kimi.com/code",
    },
    source: "public code: npm @oh-my-pi/pi-ai 18.2.3, router-for-me/CLIProxyAPI a7e3596b7",
    asksFor: "requests that count against your Kimi Code plan",
    flow: {
      kind: "device",
      deviceUrl: "https://auth.kimi.com/api/oauth/device_authorization",
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
    identity: { from: "access_token", fields: { accountId: ["user_id", "sub"] } },
  },
  usage: {
    url: "https://api.kimi.com/coding/v1/usages",
    headers: { authorization: "Bearer {access}" },
    limits: [
      {
        id: "plan",
        label: "Plan",
        used: "usage.used",
        limit: "usage.limit",
        remaining: "usage.remaining",
        resetsAt: "usage.resetTime",
        unit: "requests",
      },
      {
        id: "window:{window.duration}",
        label: "{windowLabel}",
        each: "limits",
        used: "detail.used",
        limit: "detail.limit",
        remaining: "detail.remaining",
        resetsAt: "detail.resetTime",
        windowS: "window.duration",
        windowUnit: "window.timeUnit",
        unit: "requests",
      },
    ],
  },
} satisfies ProviderDescriptorInput;
