// GitLab Duo, through an OAuth app that the operator registers at GitLab (any account may register one).

import type { ProviderDescriptorInput } from "../descriptor.ts";

const TOKEN_URL = "https://gitlab.com/oauth/token";
const PORT = 8080;

/** https://docs.gitlab.com/api/oauth2/#authorization-code-with-proof-key-for-code-exchange-pkce */
export const gitlabDuo = {
  id: "gitlab-duo",
  name: "GitLab Duo",
  oauth: {
    policy: {
      status: "own-app-required",
      reason: `GitLab lets anyone register an app, and each operator needs one: at gitlab.com/-/user_settings/applications, not confidential, scope api, redirect http://localhost:${PORT}/callback. Configure its client id.`,
      link: "https://docs.gitlab.com/integration/oauth_provider/",
    },
    source: "GitLab's OAuth 2.0 guide; npm @oh-my-pi/pi-ai 18.2.3",
    asksFor: "full access to GitLab's API as you (scope `api`); requests count against Duo",
    flow: {
      kind: "code",
      scopes: ["api"],
      authorizeUrl: "https://gitlab.com/oauth/authorize",
      tokenUrl: TOKEN_URL,
      redirect: { host: "localhost", port: PORT, path: "/callback" },
    },
    refresh: {
      url: TOKEN_URL,
      params: {
        grant_type: "refresh_token",
        refresh_token: "{refresh}",
        client_id: "{clientId}",
        redirect_uri: `http://localhost:${PORT}/callback`,
      },
    },
    revoke: {
      url: "https://gitlab.com/oauth/revoke",
      params: { token: "{refresh}", client_id: "{clientId}" },
    },
    identity: {
      from: "userinfo",
      userinfoUrl: "https://gitlab.com/api/v4/user",
      fields: { email: ["email"], accountId: ["username"] },
    },
  },
} satisfies ProviderDescriptorInput;
