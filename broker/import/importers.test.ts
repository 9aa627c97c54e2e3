// What every importer must hold, and one real-looking file of each format.

import { describe, expect, test } from "bun:test";
import { CredentialUpload, type JsonObject } from "#wire";
import { builtInProviders } from "../oauth/providers/index.ts";
import { importers } from "./index.ts";

/** An unsigned token with these claims. */
function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part(claims)}.c2ln`;
}

const ACCESS = jwt({ exp: 1_790_000_000 });
const ID_TOKEN = jwt({ email: "a@example.test", sub: "108" });
const tokens = { access_token: "a-1", refresh_token: "r-1" };
const grant = { type: "oauth", access: "a-1", refresh: "r-1" };

/** Format, what is special about the file, the file, and what it holds. */
const files: readonly [string, string, JsonObject, object[]][] = [
  [
    "CLIProxyAPI",
    "Claude",
    {
      type: "claude",
      ...tokens,
      id_token: "",
      email: "a@example.test",
      expired: "2026-09-21T14:13:20+02:00",
      last_refresh: "2026-09-21T06:13:20+02:00",
    },
    [
      {
        provider: "anthropic",
        credential: {
          ...grant,
          email: "a@example.test",
          expires: Date.UTC(2026, 8, 21, 12, 13, 20),
        },
      },
    ],
  ],
  [
    "CLIProxyAPI",
    "Codex, switched off",
    { type: "codex", ...tokens, account_id: "acc-7", email: "", expired: "", disabled: true },
    [
      {
        provider: "openai-codex",
        credential: { ...grant, accountId: "acc-7", expires: 0 },
        isDisabled: true,
      },
    ],
  ],
  [
    "CLIProxyAPI",
    "Gemini, whose client stays there",
    {
      type: "gemini",
      token: {
        ...tokens,
        client_id: "not-ours.apps.googleusercontent.com",
        client_secret: "not-ours",
        expiry: "2026-09-21T12:13:20Z",
      },
      project_id: "p-1",
      email: "a@example.test",
    },
    [
      {
        provider: "google-gemini-cli",
        credential: {
          ...grant,
          email: "a@example.test",
          projectId: "p-1",
          expires: Date.UTC(2026, 8, 21, 12, 13, 20),
        },
      },
    ],
  ],
  [
    "CLIProxyAPI",
    "Gemini by its other name",
    { type: "gemini-cli", token: tokens },
    [{ provider: "google-gemini-cli", credential: { ...grant, expires: 0 } }],
  ],
  [
    "CLIProxyAPI",
    "Antigravity",
    { type: "antigravity", ...tokens, expires_in: 3599, timestamp: 1, project_id: "p-2" },
    [{ provider: "google-antigravity", credential: { ...grant, projectId: "p-2", expires: 0 } }],
  ],
  [
    "Codex CLI",
    "an API key alone",
    { OPENAI_API_KEY: "sk-1", tokens: null },
    [{ provider: "openai", credential: { type: "api_key", key: "sk-1" } }],
  ],
  [
    "Codex CLI",
    "key and grant",
    {
      auth_mode: "chatgpt",
      OPENAI_API_KEY: "sk-1",
      tokens: { access_token: ACCESS, refresh_token: "r-1", id_token: ID_TOKEN, account_id: "acc" },
      last_refresh: "2026-09-21T12:13:20Z",
    },
    [
      { provider: "openai", credential: { type: "api_key", key: "sk-1" } },
      {
        provider: "openai-codex",
        credential: {
          type: "oauth",
          access: ACCESS,
          refresh: "r-1",
          email: "a@example.test",
          accountId: "acc",
          expires: 1_790_000_000_000,
        },
      },
    ],
  ],
  [
    "Codex CLI",
    "a grant with tokens that say nothing",
    { OPENAI_API_KEY: null, tokens: { ...tokens, id_token: "no token", account_id: null } },
    [{ provider: "openai-codex", credential: { ...grant, expires: 0 } }],
  ],
  [
    "Claude Code",
    "a plan",
    {
      claudeAiOauth: {
        accessToken: "a-1",
        refreshToken: "r-1",
        expiresAt: 1_790_000_000_000,
        scopes: ["user:inference"],
        subscriptionType: "max",
      },
      mcpOAuth: {},
    },
    [
      {
        provider: "anthropic",
        credential: { ...grant, subscriptionType: "max", expires: 1_790_000_000_000 },
      },
    ],
  ],
  [
    "Gemini CLI",
    "a grant",
    {
      ...tokens,
      scope: "openid",
      token_type: "Bearer",
      id_token: ID_TOKEN,
      expiry_date: 1_790_000_000_000,
    },
    [
      {
        provider: "google-gemini-cli",
        credential: {
          ...grant,
          email: "a@example.test",
          accountId: "108",
          expires: 1_790_000_000_000,
        },
      },
    ],
  ],
];

test("every importer has a file here, and its name once", () => {
  const names = importers.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(files.map(([format]) => format))).toEqual(new Set(names));
});

describe.each(files)("%s: %s", (format, _what, json, expected) => {
  test("is recognized by its own importer only", () => {
    const names = importers.filter((each) => each.recognizes(json)).map(({ name }) => name);
    expect(names).toEqual([format]);
  });

  test("gives credentials that the vault takes, of providers that exist", () => {
    const found = importers.find(({ name }) => name === format)?.read(json)?.found ?? [];
    const wanted = expected.map((each) => ({ isDisabled: false, ...each }));
    expect<readonly object[]>(found).toEqual(wanted);
    for (const { provider, credential } of found) {
      expect(CredentialUpload.safeParse({ provider, credential }).error).toBeUndefined();
      expect(builtInProviders().map(({ id }) => id)).toContain(provider);
    }
  });
});

test.each([
  ["an unknown type", { type: "netscape", ...tokens }, "type: is none that can be imported"],
  ["an inherited type", { type: "constructor", ...tokens }, "type: is none that can be imported"],
  ["no refresh token", { type: "claude", access_token: "a" }, "refresh_token: invalid input"],
  [
    "a line break",
    { type: "claude", ...tokens, access_token: "a\nb" },
    "access_token: must be printable",
  ],
  [
    "a mark",
    { type: "claude", ...tokens, refresh_token: "__remote__" },
    "refresh_token: is only the mark",
  ],
  ["a strange date", { type: "claude", ...tokens, expired: "soon" }, "expired: is not a date"],
  [
    "a nested one",
    { type: "gemini", token: { access_token: 7 } },
    "token.access_token: invalid input",
  ],
  ["a token as text", { type: "gemini", token: "canary" }, "token: invalid input"],
  ["Claude Code, empty", { claudeAiOauth: null }, "claudeAiOauth: invalid input"],
  [
    "Codex, no access",
    { tokens: { access_token: "", refresh_token: "r" } },
    "tokens.access_token: must not be empty",
  ],
  ["Gemini CLI, a date in text", { ...tokens, expiry_date: "1" }, "expiry_date: invalid input"],
] as const)("%s is refused at its place", (_what, json: JsonObject, problem) => {
  const importer = importers.find((each) => each.recognizes(json));
  expect(importer?.read(json).problem).toStartWith(problem);
});

test.each([
  ["nothing", {}],
  ["a package", { name: "x", version: "1.0.0", type: "module" }],
  ["a service account", { type: "service_account", private_key: "k", client_email: "e" }],
  ["Qwen Code's file", { ...tokens, expiry_date: 1, resource_url: "portal.qwen.ai" }],
] as const)("%s is no credential file", (_what, json: JsonObject) => {
  expect(importers.some((each) => each.recognizes(json))).toBe(false);
});
