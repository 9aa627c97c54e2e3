// OpenRouter: a browser round trip mints an API key that belongs to the user; open to every app by design.

import type { ProviderDescriptorInput } from "../descriptor.ts";

/** https://openrouter.ai/docs/use-cases/oauth-pkce */
export const openrouter = {
  id: "openrouter",
  name: "OpenRouter",
  apiKey: { variables: ["OPENROUTER_API_KEY"], page: "https://openrouter.ai/keys" },
  oauth: {
    policy: {
      status: "sanctioned",
      reason: "OpenRouter offers this login to any app, without registration.",
      link: "https://openrouter.ai/docs/use-cases/oauth-pkce",
    },
    source: "OpenRouter's OAuth PKCE guide",
    asksFor: "an API key of its own in your OpenRouter account, which you can delete there",
    flow: {
      kind: "key",
      authorizeUrl: "https://openrouter.ai/auth",
      callbackParam: "callback_url",
      mintUrl: "https://openrouter.ai/api/v1/auth/keys",
      keyPath: "key",
      redirect: { host: "localhost", port: 54_549, path: "/callback" },
    },
  },
  usage: {
    url: "https://openrouter.ai/api/v1/auth/key",
    headers: { authorization: "Bearer {access}" },
    limits: [
      {
        id: "credits",
        label: "Credits",
        used: "data.usage",
        limit: "data.limit",
        remaining: "data.limit_remaining",
        unit: "usd",
      },
    ],
    appliesTo: ["api_key"],
  },
} satisfies ProviderDescriptorInput;
