// The Codex backend of a ChatGPT plan. Its login belongs to OpenAI's own CLI and Sign in with ChatGPT has
// taken its place, so it is described for imported grants and an operator's own descriptor only.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TOKEN_URL = "https://auth.openai.com/oauth/token";

// Credits of the account pay for what is over a limit, until they may not.
const REACHED = {
  reached: "rate_limit.limit_reached",
  relief: ["credits.has_credits", "credits.unlimited"],
  reliefEnd: ["credits.overage_limit_reached", "spend_control.reached"],
};

/** https://github.com/openai/codex (codex-rs/login) */
export const openaiCodex = {
  id: "openai-codex",
  name: "OpenAI Codex",
  oauth: {
    policy: {
      status: "restricted",
      reason:
        "This login takes the client id of OpenAI's Codex CLI, which is not ours to use. OpenAI's way for other apps is Sign in with ChatGPT: provider `openai`.",
      link: "https://developers.openai.com/siwc",
    },
    source: "public code: openai/codex 0126a9d codex-rs/login, npm @oh-my-pi/pi-ai 18.2.3",
    asksFor: "who you are, and requests that count against your ChatGPT plan",
    flow: {
      kind: "code",
      scopes: ["openid", "profile", "email", "offline_access"],
      authorizeUrl: "https://auth.openai.com/oauth/authorize",
      authorizeParams: { id_token_add_organizations: "true", codex_cli_simplified_flow: "true" },
      tokenUrl: TOKEN_URL,
      redirect: { host: "localhost", port: 1455, path: "/auth/callback" },
      idToken: {
        issuer: "https://auth.openai.com",
        jwksUrl: "https://auth.openai.com/.well-known/jwks.json",
        algorithms: ["RS256", "ES256"],
      },
    },
    refresh: {
      url: TOKEN_URL,
      params: {
        grant_type: "refresh_token",
        refresh_token: "{refresh}",
        client_id: "{clientId}",
      },
    },
    revoke: {
      url: "https://auth.openai.com/oauth/revoke",
      params: { token: "{refresh}", token_type_hint: "refresh_token", client_id: "{clientId}" },
    },
    identity: {
      from: "id_token",
      fields: {
        email: ["email", "[https://api.openai.com/profile].email"],
        accountId: ["[https://api.openai.com/auth].chatgpt_account_id"],
      },
    },
  },
  usage: {
    url: "https://chatgpt.com/backend-api/wham/usage",
    headers: { authorization: "Bearer {access}", "chatgpt-account-id": "{accountId}" },
    limits: [
      {
        id: "primary",
        label: "Primary window",
        usedPercent: "rate_limit.primary_window.used_percent",
        resetsAt: "rate_limit.primary_window.reset_at",
        resetsInS: "rate_limit.primary_window.reset_after_seconds",
        windowS: "rate_limit.primary_window.limit_window_seconds",
        ...REACHED,
      },
      {
        id: "secondary",
        label: "Secondary window",
        usedPercent: "rate_limit.secondary_window.used_percent",
        resetsAt: "rate_limit.secondary_window.reset_at",
        resetsInS: "rate_limit.secondary_window.reset_after_seconds",
        windowS: "rate_limit.secondary_window.limit_window_seconds",
        ...REACHED,
      },
      {
        id: "additional:{limit_name}",
        label: "{limit_name}",
        each: "additional_rate_limits",
        usedPercent: "rate_limit.primary_window.used_percent",
        resetsAt: "rate_limit.primary_window.reset_at",
        resetsInS: "rate_limit.primary_window.reset_after_seconds",
        windowS: "rate_limit.primary_window.limit_window_seconds",
        ...REACHED,
      },
    ],
    metadata: { plan: "plan_type", credits: "credits.balance" },
  },
  usageHeaders: [
    {
      id: "primary",
      label: "Primary window",
      usedPercent: "x-codex-primary-used-percent",
      resetsAt: "x-codex-primary-reset-at",
      windowMinutes: "x-codex-primary-window-minutes",
    },
    {
      id: "secondary",
      label: "Secondary window",
      usedPercent: "x-codex-secondary-used-percent",
      resetsAt: "x-codex-secondary-reset-at",
      windowMinutes: "x-codex-secondary-window-minutes",
    },
  ],
} satisfies ProviderDescriptorInput;
