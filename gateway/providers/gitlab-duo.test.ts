// The token that GitLab makes for a login, what is sent with it, and what its refusals mean.

import { expect, test } from "bun:test";
import { createOutbound } from "#platform";
import { KeyUnusable } from "./exchange.ts";
import { DIRECT_ACCESS_LIFETIME_MS, DIRECT_ACCESS_URL, gitlabDuo } from "./gitlab-duo.ts";
import { callUrl } from "./provider.ts";

interface Seen {
  url?: string;
  headers?: Headers;
  body?: unknown;
}

async function exchange(answer: () => Response, seen: Seen = {}) {
  const outbound = createOutbound({
    fetch: async (url, { headers, body }) => {
      Object.assign(seen, { url, headers: new Headers(headers), body: JSON.parse(String(body)) });
      return answer();
    },
  });
  if (!gitlabDuo.exchange) throw new Error("it has one");
  return gitlabDuo.exchange("login-canary-0123", { outbound, nowMs: () => 1_000 });
}

test("a login is exchanged at gitlab.com, and only GitLab's own headers go with the token", async () => {
  const seen: Seen = {};
  const headers = {
    "X-Gitlab-Realm": "saas",
    "x-gitlab-host-name": "gitlab.com",
    "x-api-key": "k",
    Authorization: "Bearer other",
    Host: "evil.example",
    "x-gitlab-broken": "a\r\nb",
  };
  const made = await exchange(() => Response.json({ token: "eyJ.duo", headers, new: 1 }), seen);
  expect(made).toEqual({
    token: "eyJ.duo",
    headers: { "x-gitlab-realm": "saas", "x-gitlab-host-name": "gitlab.com" },
    endsAtMs: 1_000 + DIRECT_ACCESS_LIFETIME_MS,
  });
  expect(seen.url).toBe(DIRECT_ACCESS_URL);
  expect(seen.headers?.get("authorization")).toBe("Bearer login-canary-0123");
  expect(seen.body).toEqual({ feature_flags: { DuoAgentPlatformNext: true } });
});

const status = (code: number, body = "login-canary-0123") => new Response(body, { status: code });

test.each([
  ["a refused login", () => status(401), "credential_unusable"],
  ["an account without Duo", () => status(403), "duo_not_allowed"],
  ["too many calls", () => status(429), "rate_limited"],
  ["a broken GitLab", () => status(503), "bad_gateway"],
  ["a page", () => status(200, "<html>login-canary-0123"), "bad_gateway"],
  ["no token", () => Response.json({ token: "" }), "bad_gateway"],
  [
    "no connection",
    (): Response => {
      throw new TypeError("login-canary-0123");
    },
    "bad_gateway",
  ],
])("%s is told without what GitLab said", async (_name, answer, code) => {
  const error = await exchange(answer).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code });
  expect(error instanceof KeyUnusable).toBe(code === "credential_unusable");
  expect(String(error)).not.toContain("canary");
});

test("Claude is asked in Messages, OpenAI's models in the dialect GitLab serves each in", () => {
  const urlOf = (model: string) => {
    const [format] = gitlabDuo.formatsOf?.(model) ?? gitlabDuo.formats;
    return callUrl(gitlabDuo, { format, model, isStream: false });
  };
  const proxy = "https://cloud.gitlab.com/ai/v1/proxy";
  expect(urlOf("claude-sonnet-4-6")).toBe(`${proxy}/anthropic/v1/messages`);
  expect(urlOf("gpt-5.2-2025-12-11")).toBe(`${proxy}/openai/v1/chat/completions`);
  expect(urlOf("gpt-5.2-codex")).toBe(`${proxy}/openai/v1/responses`);
});
