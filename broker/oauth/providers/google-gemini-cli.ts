// Gemini through the login of Google's Gemini CLI. Google has ended it for personal plans; it is described
// for imported grants and for operators with a client and a Cloud project of their own.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TOKEN_URL = "https://oauth2.googleapis.com/token";

/** https://github.com/google-gemini/gemini-cli/issues/28229 */
export const googleGeminiCli = {
  id: "google-gemini-cli",
  name: "Google Gemini CLI",
  oauth: {
    policy: {
      status: "discontinued",
      reason:
        "Google ended this login for personal plans (free, AI Pro, AI Ultra) on 2026-06-18. Use a Gemini API key: provider `google`.",
      link: "https://github.com/google-gemini/gemini-cli/issues/28229",
    },
    source: "public code: google-gemini/gemini-cli 5411f113ca",
    asksFor: "your e-mail address and profile, and access to your Google Cloud projects",
    flow: {
      kind: "code",
      scopes: [
        "https://www.googleapis.com/auth/cloud-platform",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
      ],
      authorizeUrl: "https://accounts.google.com/o/oauth2/v2/auth",
      authorizeParams: { access_type: "offline", prompt: "consent" },
      tokenUrl: TOKEN_URL,
      redirect: { host: "127.0.0.1", port: 8085, path: "/oauth2callback" },
    },
    refresh: {
      url: TOKEN_URL,
      params: {
        grant_type: "refresh_token",
        refresh_token: "{refresh}",
        client_id: "{clientId}",
        client_secret: "{clientSecret}",
      },
    },
    revoke: { url: "https://oauth2.googleapis.com/revoke", params: { token: "{refresh}" } },
    identity: {
      from: "userinfo",
      userinfoUrl: "https://www.googleapis.com/oauth2/v2/userinfo",
      fields: { email: ["email"], accountId: ["id"] },
    },
  },
  usage: {
    method: "POST",
    url: "https://cloudcode-pa.googleapis.com/v1internal:retrieveUserQuota",
    headers: { authorization: "Bearer {access}" },
    body: { project: "{projectId}" },
    limits: [
      {
        id: "{modelId}",
        label: "{modelId}",
        each: "buckets",
        remaining: "remainingAmount",
        remainingFraction: "remainingFraction",
        resetsAt: "resetTime",
        unit: "requests",
      },
    ],
  },
} satisfies ProviderDescriptorInput;
