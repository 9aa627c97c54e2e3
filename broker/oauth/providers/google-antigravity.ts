// Google Antigravity. Google bans accounts that use its login in other apps, so it is described for imported
// grants and an operator's own descriptor only.

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TOKEN_URL = "https://oauth2.googleapis.com/token";

/** https://github.com/google-gemini/gemini-cli/issues/19760 */
export const googleAntigravity = {
  id: "google-antigravity",
  name: "Google Antigravity",
  oauth: {
    policy: {
      status: "restricted",
      reason:
        "Google refuses Antigravity's login in other apps and has suspended accounts that used it there. Use a Gemini API key: provider `google`.",
      link: "https://github.com/google-gemini/gemini-cli/issues/19760",
    },
    source: "public code: router-for-me/CLIProxyAPI a7e3596b7, npm @oh-my-pi/pi-ai 18.2.3",
    asksFor: "your e-mail address and profile, and access to your Google Cloud projects",
    flow: {
      kind: "code",
      scopes: [
        "https://www.googleapis.com/auth/cloud-platform",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
        "https://www.googleapis.com/auth/cclog",
        "https://www.googleapis.com/auth/experimentsandconfigs",
      ],
      authorizeUrl: "https://accounts.google.com/o/oauth2/v2/auth",
      authorizeParams: { access_type: "offline", prompt: "consent" },
      tokenUrl: TOKEN_URL,
      redirect: { host: "127.0.0.1", port: 51_121, path: "/oauth-callback" },
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
} satisfies ProviderDescriptorInput;
