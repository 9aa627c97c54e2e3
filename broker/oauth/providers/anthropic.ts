// Anthropic: API keys. Its subscription login is described for imported grants and an operator's own
// descriptor, and is never offered: Anthropic does not let third parties use it.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TOKEN_URL = "https://platform.claude.com/v1/oauth/token";
const OAUTH_BETA = { "anthropic-beta": "oauth-2025-04-20" };
const FIVE_HOURS_S = 5 * 3600;
const SEVEN_DAYS_S = 7 * 24 * 3600;

/** https://docs.claude.com/en/api/rate-limits */
export const anthropic = {
  id: "anthropic",
  name: "Anthropic",
  apiKey: {
    variables: ["ANTHROPIC_API_KEY"],
    page: "https://console.anthropic.com/settings/keys",
  },
  oauth: {
    policy: {
      status: "restricted",
      reason:
        "Anthropic does not permit third-party apps to offer the Claude.ai login, or to send requests with the credentials of Free, Pro or Max plans. Use an API key.",
      link: "https://code.claude.com/docs/en/legal-and-compliance",
    },
    source: "public code: npm @oh-my-pi/pi-ai 18.2.3, router-for-me/CLIProxyAPI a7e3596b7",
    asksFor:
      "your profile, requests that count against your Claude plan, and creating API keys in your organization",
    flow: {
      kind: "code",
      scopes: ["org:create_api_key", "user:profile", "user:inference"],
      authorizeUrl: "https://claude.ai/oauth/authorize",
      authorizeParams: { code: "true" },
      tokenUrl: TOKEN_URL,
      tokenFormat: "json",
      redirect: { host: "localhost", port: 54_545, path: "/callback" },
      codeCarriesState: true,
    },
    refresh: {
      url: TOKEN_URL,
      format: "json",
      params: {
        grant_type: "refresh_token",
        refresh_token: "{refresh}",
        client_id: "{clientId}",
      },
      headers: OAUTH_BETA,
    },
    identity: {
      from: "response",
      fields: {
        email: ["account.email_address"],
        accountId: ["account.uuid"],
        orgId: ["organization.uuid"],
        orgName: ["organization.name"],
      },
    },
    grantLifetimeS: 30 * 24 * 3600,
  },
  usage: {
    url: "https://api.anthropic.com/api/oauth/usage",
    headers: { authorization: "Bearer {access}", ...OAUTH_BETA },
    limits: [
      {
        id: "5h",
        label: "5 hours",
        usedPercent: "five_hour.utilization",
        resetsAt: "five_hour.resets_at",
        windowS: FIVE_HOURS_S,
      },
      {
        id: "7d",
        label: "7 days",
        usedPercent: "seven_day.utilization",
        resetsAt: "seven_day.resets_at",
        windowS: SEVEN_DAYS_S,
      },
      {
        id: "7d:{scope.model.display_name}",
        label: "7 days, {scope.model.display_name}",
        each: "limits",
        where: { kind: "weekly_scoped" },
        usedPercent: "percent",
        resetsAt: "resets_at",
        windowS: SEVEN_DAYS_S,
      },
      {
        id: "extra",
        label: "Extra usage",
        where: { "extra_usage.is_enabled": "true" },
        used: "extra_usage.used_credits",
        limit: "extra_usage.monthly_limit",
        unit: "credits",
      },
    ],
  },
  usageHeaders: [
    {
      id: "5h",
      label: "5 hours",
      usedFraction: "anthropic-ratelimit-unified-5h-utilization",
      resetsAt: "anthropic-ratelimit-unified-5h-reset",
      windowS: FIVE_HOURS_S,
    },
    {
      id: "7d",
      label: "7 days",
      usedFraction: "anthropic-ratelimit-unified-7d-utilization",
      resetsAt: "anthropic-ratelimit-unified-7d-reset",
      windowS: SEVEN_DAYS_S,
    },
    {
      id: "7d_oi",
      label: "7 days (oi)",
      usedFraction: "anthropic-ratelimit-unified-7d_oi-utilization",
      resetsAt: "anthropic-ratelimit-unified-7d_oi-reset",
      windowS: SEVEN_DAYS_S,
    },
    {
      id: "requests",
      label: "Requests",
      limit: "anthropic-ratelimit-requests-limit",
      remaining: "anthropic-ratelimit-requests-remaining",
      resetsAt: "anthropic-ratelimit-requests-reset",
      unit: "requests",
    },
    {
      id: "tokens",
      label: "Tokens",
      limit: "anthropic-ratelimit-tokens-limit",
      remaining: "anthropic-ratelimit-tokens-remaining",
      resetsAt: "anthropic-ratelimit-tokens-reset",
      unit: "tokens",
    },
  ],
} satisfies ProviderDescriptorInput;
