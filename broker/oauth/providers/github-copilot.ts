// GitHub Copilot by device code, through an OAuth app that the operator registers at GitHub: GitHub
// suspends accounts for misuse, so nobody's Copilot runs under an app that is not theirs.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TEN_YEARS_S = 10 * 365 * 24 * 3600;

/** https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#device-flow */
export const githubCopilot = {
  id: "github-copilot",
  name: "GitHub Copilot",
  oauth: {
    policy: {
      status: "own-app-required",
      reason:
        "GitHub opens Copilot to tools it has agreed with, under their own app. Register an OAuth app with device flow at github.com/settings/developers and configure its client id.",
      link: "https://github.blog/changelog/2026-01-16-github-copilot-now-supports-opencode/",
    },
    source: "GitHub's device flow guide; npm @earendil-works/pi-ai 1.5.2",
    asksFor: "your public GitHub profile; requests then count against your Copilot plan",
    flow: {
      kind: "device",
      scopes: ["read:user"],
      deviceUrl: "https://github.com/login/device/code",
      tokenUrl: "https://github.com/login/oauth/access_token",
      verificationUrl: "https://github.com/login/device",
    },
    // The token of an OAuth app lasts until its user revokes it, and cannot be renewed.
    response: { defaultLifetimeS: TEN_YEARS_S },
    identity: {
      from: "userinfo",
      userinfoUrl: "https://api.github.com/user",
      fields: { email: ["email"], accountId: ["login"] },
    },
  },
  usage: {
    url: "https://api.github.com/copilot_internal/user",
    headers: { authorization: "Bearer {access}", accept: "application/json" },
    limits: [
      {
        id: "premium",
        label: "Premium requests",
        limit: "quota_snapshots.premium_interactions.entitlement",
        remaining: "quota_snapshots.premium_interactions.remaining",
        remainingPercent: "quota_snapshots.premium_interactions.percent_remaining",
        unlimited: "quota_snapshots.premium_interactions.unlimited",
        relief: ["quota_snapshots.premium_interactions.overage_permitted"],
        resetsAt: "quota_reset_date",
        unit: "requests",
      },
      {
        id: "chat",
        label: "Chat",
        limit: "quota_snapshots.chat.entitlement",
        remaining: "quota_snapshots.chat.remaining",
        remainingPercent: "quota_snapshots.chat.percent_remaining",
        unlimited: "quota_snapshots.chat.unlimited",
        relief: ["quota_snapshots.chat.overage_permitted"],
        resetsAt: "quota_reset_date",
        unit: "requests",
      },
      {
        id: "completions",
        label: "Completions",
        limit: "quota_snapshots.completions.entitlement",
        remaining: "quota_snapshots.completions.remaining",
        remainingPercent: "quota_snapshots.completions.percent_remaining",
        unlimited: "quota_snapshots.completions.unlimited",
        relief: ["quota_snapshots.completions.overage_permitted"],
        resetsAt: "quota_reset_date",
        unit: "requests",
      },
    ],
    metadata: { plan: "copilot_plan" },
  },
} satisfies ProviderDescriptorInput;
