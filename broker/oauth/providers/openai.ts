// OpenAI: API keys, and Sign in with ChatGPT, which lets open-source apps on a user's own machine use that
// user's plan. Unlike openai-codex it needs nobody else's client id: OpenAI issues one during the login.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const RESOURCE = "https://api.openai.com/v1";

/** https://developers.openai.com/siwc/token-sharing-open-source */
export const openai = {
  id: "openai",
  name: "OpenAI (ChatGPT)",
  apiKey: { variables: ["OPENAI_API_KEY"], page: "https://platform.openai.com/api-keys" },
  oauth: {
    policy: {
      status: "sanctioned",
      reason:
        "OpenAI offers this login to open-source and self-hosted apps; hosted or paid ones must ask OpenAI first.",
      link: "https://developers.openai.com/siwc",
    },
    source:
      "OpenAI's guide at developers.openai.com/siwc; endpoints and parameters as public clients use them (npm @earendil-works/pi-ai 1.5.2, TauricResearch/TradingAgents)",
    asksFor:
      "who you are (name and e-mail address), permission to send requests to OpenAI's API that count against your ChatGPT plan, and to stay signed in",
    flow: {
      kind: "code",
      // Stands for "not registered yet"; the id to use from then on comes back with the code.
      clientId: "dynamic_agent_client",
      issuedClientIdParam: "client_id",
      scopes: [
        "openid",
        "profile",
        "email",
        "offline_access",
        "resource.invoke",
        "chatgpt.tokens.use.direct",
      ],
      requiredScopes: ["chatgpt.tokens.use.direct"],
      authorizeUrl: "https://auth.openai.com/api/accounts/authorize",
      authorizeParams: {
        agent_name_hint: "Parley",
        ext_agent_host_id: "urn:uuid:{installId}",
        resource: RESOURCE,
      },
      tokenUrl: "https://auth.openai.com/api/accounts/oauth/token",
      tokenParams: { resource: RESOURCE },
      redirect: { host: "127.0.0.1", port: 1455, alternatePorts: [1457], path: "/auth/callback" },
      idToken: {
        issuer: "https://auth.openai.com",
        jwksUrl: "https://auth.openai.com/.well-known/jwks.json",
        algorithms: ["RS256", "ES256"],
      },
    },
    refresh: {
      url: "https://auth.openai.com/api/accounts/oauth/token",
      params: {
        grant_type: "refresh_token",
        refresh_token: "{refresh}",
        client_id: "{clientId}",
        resource: RESOURCE,
      },
    },
    revoke: {
      url: "https://auth.openai.com/api/accounts/oauth/revoke",
      params: { token: "{refresh}", token_type_hint: "refresh_token", client_id: "{clientId}" },
    },
    identity: { from: "id_token", fields: { email: ["email"], accountId: ["sub"] } },
  },
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
