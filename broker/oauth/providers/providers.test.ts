// What every provider file must hold, whatever the provider; and what the list as a whole must cover.

import { describe, expect, test } from "bun:test";
import type { ProviderDescriptor } from "../descriptor.ts";
import { builtInProviders } from "./index.ts";

const flows = builtInProviders().flatMap(({ id, oauth }) => (oauth ? [[id, oauth] as const] : []));

test("ids are unique", () => {
  const ids = builtInProviders().map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test("a variable offers the key of one provider only", () => {
  const variables = builtInProviders().flatMap(({ apiKey }) => apiKey?.variables ?? []);
  expect(new Set(variables).size).toBe(variables.length);
});

test.each([
  "OPENAI_API_KEY",
  "ANTHROPIC_API_KEY",
  "GOOGLE_API_KEY",
  "GEMINI_API_KEY",
  "GROQ_API_KEY",
  "MISTRAL_API_KEY",
  "COHERE_API_KEY",
  "XAI_API_KEY",
  "ZAI_API_KEY",
  "OPENROUTER_API_KEY",
  "KIMI_API_KEY",
  "MOONSHOT_API_KEY",
  "QWEN_API_KEY",
  "ALIBABA_API_KEY",
  "DASHSCOPE_API_KEY",
])("%s is some provider's variable", (variable) => {
  const owner = builtInProviders().find(({ apiKey }) => apiKey?.variables.includes(variable));
  expect(owner?.id).toBeDefined();
});

test("callback ports are those that the providers' own clients registered", () => {
  const ports = flows.flatMap(([id, { flow }]) =>
    flow.kind === "device" ? [] : [[id, flow.redirect.port]],
  );
  expect(Object.fromEntries(ports)).toEqual({
    openai: 1455,
    openrouter: 54_549,
    anthropic: 54_545,
    "gitlab-duo": 8080,
    "openai-codex": 1455,
    "google-gemini-cli": 8085,
    "google-antigravity": 51_121,
  });
});

test("only logins that their provider offers to every app are on by default", () => {
  const byStatus = Map.groupBy(flows, ([, { policy }]) => policy.status);
  const idsOf = (status: (typeof flows)[number][1]["policy"]["status"]) =>
    (byStatus.get(status) ?? []).map(([id]) => id);
  expect(idsOf("sanctioned")).toEqual(["openai", "openrouter"]);
  expect(idsOf("own-app-required")).toEqual(["xai", "github-copilot", "gitlab-duo", "kimi-code"]);
  expect(idsOf("restricted")).toEqual(["anthropic", "openai-codex", "google-antigravity"]);
  expect(idsOf("discontinued")).toEqual(["qwen", "google-gemini-cli"]);
});

test("Sign in with ChatGPT registers a client of its own and insists on the scope that makes it useful", () => {
  const oauth = builtInProviders().find(({ id }) => id === "openai")?.oauth;
  expect(oauth?.flow).toMatchObject({
    kind: "code",
    clientId: "dynamic_agent_client",
    issuedClientIdParam: "client_id",
    requiredScopes: ["chatgpt.tokens.use.direct"],
    pkce: true,
    tokenParams: { resource: "https://api.openai.com/v1" },
    redirect: { host: "127.0.0.1", path: "/auth/callback" },
  });
  expect(oauth?.refresh?.params).toMatchObject({
    client_id: "{clientId}",
    resource: "https://api.openai.com/v1",
  });
});

describe.each(builtInProviders().map((provider) => [provider.id, provider] as const))(
  "%s",
  (_id, provider) => {
    const { apiKey, oauth, usage } = provider;
    const flow = oauth?.flow;

    test("can be used in some way", () => {
      expect(apiKey ?? oauth).toBeDefined();
    });

    test("names https addresses only", () => {
      const urls = JSON.stringify(provider).match(/"http:[^"]*"/g) ?? [];
      // The one address of ours: where GitLab is told to send the browser back to.
      expect(urls.filter((url) => url !== '"http://localhost:8080/callback"')).toEqual([]);
    });

    test("says in a sentence what the provider permits, and where that is written", () => {
      if (oauth === undefined) return;
      expect(oauth.policy.reason).toMatch(/^[A-Z].*\.$/);
      expect(oauth.policy.link).toStartWith("https://");
      expect(oauth.asksFor.length).toBeGreaterThan(20);
    });

    test("ships no client secret, and no client id unless the provider offers the login to all", () => {
      if (flow === undefined || flow.kind === "key") return;
      expect(flow.clientSecret).toBeUndefined();
      if (oauth?.policy.status !== "sanctioned") expect(flow.clientId).toBeUndefined();
    });

    test("passes for no other vendor's client", () => {
      const text = JSON.stringify(provider);
      expect(text).not.toMatch(/"(originator|user-agent|x-xai-token-auth|x-msh-[\w-]*)"/i);
      expect(text).not.toMatch(/app_EMoam|9d1c250a|681255809395|1071006060591|Iv1\.b507|Ov23/);
    });

    test("renews what runs out, at the host that gave it, and asks for nothing else there", () => {
      if (oauth === undefined || flow === undefined || flow.kind === "key") return;
      if (oauth.response.defaultLifetimeS > ONE_YEAR_S) return;
      const params = Object.values(oauth.refresh?.params ?? {});
      expect(params).toContain("{refresh}");
      expect(params).toContain("{clientId}");
      const tokenHost = new URL(flow.tokenUrl).host;
      for (const { url } of [oauth.refresh, oauth.revoke].filter((each) => each !== undefined)) {
        expect(new URL(url).host).toBe(tokenHost);
      }
    });

    test("verifies who logged in where the provider signs it", () => {
      if (oauth?.identity?.from !== "id_token" || flow?.kind !== "code") return;
      expect(flow.idToken).toBeDefined();
      expect(flow.scopes).toContain("openid");
    });

    test("fetches identity from an address when it says so", () => {
      const identity = oauth?.identity;
      expect(identity?.userinfoUrl !== undefined).toBe(identity?.from === "userinfo");
    });

    test("sends its token to its own domain only", () => {
      const hosts = [usage?.url, oauth?.identity?.userinfoUrl]
        .filter((url) => url !== undefined)
        .map((url) => new URL(url).host);
      for (const host of hosts) expect(TOKEN_READERS[provider.id]).toContain(host);
    });
  },
);

const ONE_YEAR_S = 365 * 24 * 3600;

/** Hosts outside the token's own that may see an access token, because its issuer runs them. */
const TOKEN_READERS: Readonly<Record<ProviderDescriptor["id"], readonly string[]>> = {
  openrouter: ["openrouter.ai"],
  anthropic: ["api.anthropic.com"],
  "openai-codex": ["chatgpt.com"],
  "github-copilot": ["api.github.com"],
  "gitlab-duo": ["gitlab.com"],
  "google-gemini-cli": ["cloudcode-pa.googleapis.com", "www.googleapis.com"],
  "google-antigravity": ["www.googleapis.com"],
  "kimi-code": ["api.kimi.com"],
  xai: ["auth.x.ai"],
};
