// Answers as providers give them, and as broken or hostile ones do.

import { describe, expect, test } from "bun:test";
import type { OAuthCredential } from "#wire";
import { OAuthRules, type ProviderDescriptorInput } from "./descriptor.ts";
import { LoginError } from "./login-error.ts";
import { credentialFromAnswer, MAX_LIFETIME_S } from "./token-response.ts";

const NOW_MS = 1_700_000_000_000;

type RulesInput = NonNullable<ProviderDescriptorInput["oauth"]>;

function rulesOf(changes: Partial<RulesInput> = {}): OAuthRules {
  return OAuthRules.parse({
    policy: { status: "sanctioned", reason: "Open.", link: "https://idp.example/rules" },
    source: "a test",
    asksFor: "nothing",
    flow: {
      kind: "device",
      clientId: "client-1",
      requiredScopes: ["use"],
      deviceUrl: "https://idp.example/device",
      tokenUrl: "https://idp.example/token",
    },
    refresh: { url: "https://idp.example/token", params: { refresh_token: "{refresh}" } },
    ...changes,
  });
}

const rules = rulesOf();
const answer = { access_token: "access-1", refresh_token: "refresh-1", expires_in: 60 };
const previous: OAuthCredential = {
  type: "oauth",
  access: "access-0",
  refresh: "refresh-0",
  expires: NOW_MS - 1,
  email: "who@logged.in",
  orgId: "org-0",
  authorizedAt: 5,
  tokenUrl: "https://mcp.example/token",
  clientId: "issued-7",
  resource: "https://mcp.example",
};

function read(
  given: unknown,
  { by = rules, of }: { by?: OAuthRules | undefined; of?: OAuthCredential } = {},
): OAuthCredential {
  return credentialFromAnswer(by, given, { receivedAtMs: NOW_MS, previous: of });
}

function refused(given: unknown, by?: OAuthRules): LoginError {
  try {
    read(given, { by });
  } catch (error) {
    if (error instanceof LoginError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a login's answer", () => {
  test("becomes a grant that knows when it was authorized and when it ends", () => {
    expect(read(answer)).toEqual({
      type: "oauth",
      access: "access-1",
      refresh: "refresh-1",
      expires: NOW_MS + 60_000,
      authorizedAt: NOW_MS,
    });
  });

  test("is read where the descriptor says", () => {
    const by = rulesOf({
      response: {
        access: "data.[a.b]",
        refresh: "data.r",
        expiresIn: "ttl",
        keep: { createdAt: "created_at", plan: "data.plan", list: "data.list" },
      },
    });
    const given = {
      data: { "a.b": "access-1", r: "refresh-1", plan: "pro", list: ["not kept"] },
      ttl: "3600",
      created_at: 1_699_999_999,
    };
    expect(read(given, { by })).toEqual({
      type: "oauth",
      access: "access-1",
      refresh: "refresh-1",
      expires: NOW_MS + 3_600_000,
      authorizedAt: NOW_MS,
      createdAt: 1_699_999_999,
      plan: "pro",
    });
  });

  test("without a required scope is refused; without any scope it granted what was asked for", () => {
    expect(read({ ...answer, scope: "openid use" }).access).toBe("access-1");
    expect(read({ ...answer, scope: "openid,use" }).access).toBe("access-1");
    const error = refused({ ...answer, scope: "openid user" });
    expect(error.code).toBe("token_answer_unusable");
    expect(error.message).toContain("use");
  });

  test("without a refresh token is refused, unless the token has no end or is never renewed", () => {
    const { refresh_token: _, ...without } = answer;
    expect(refused(without).message).toContain("refresh_token is missing");
    expect(read(without, { by: rulesOf({ refresh: undefined }) }).refresh).toBe("access-1");
    expect(read({ access_token: "access-1" }).refresh).toBe("access-1");
  });

  test.each([
    ["null", null],
    ["a list", [answer]],
    ["text", "access_token"],
    ["an error", { error: "invalid_grant" }],
    ["an empty token", { ...answer, access_token: "" }],
    ["a token that is an object", { ...answer, access_token: { canary: "canary" } }],
    ["a token with a line break", { ...answer, access_token: "canary\r\nx: y" }],
    ["a refresh token with a line break", { ...answer, refresh_token: "canary\n" }],
    ["a token of 40,000 characters", { ...answer, access_token: "canary".repeat(8_000) }],
  ])("that is %s is refused without quoting it", (_name, given) => {
    const error = refused(given);
    expect(error.code).toBe("token_answer_unusable");
    expect(error.message + JSON.stringify(error)).not.toContain("canary");
  });
});

describe("a lifetime", () => {
  const lifetimeMs = (expires_in: unknown) => read({ ...answer, expires_in }).expires - NOW_MS;

  test("may be written as text", () => {
    expect(lifetimeMs("3600")).toBe(3_600_000);
  });

  test.each([undefined, null, 0, -5, Number.NaN, Infinity, "soon", "", "1e3", {}, true])(
    "of %p is the default",
    (value) => expect(lifetimeMs(value)).toBe(3_600_000),
  );

  test.each([1e12, Number.MAX_VALUE, "999999999999"])("of %p is one year", (value) => {
    expect(lifetimeMs(value)).toBe(MAX_LIFETIME_S * 1000);
  });

  test("that is missing is what the descriptor says", () => {
    const by = rulesOf({ response: { defaultLifetimeS: 120 } });
    const { expires_in: _, ...without } = answer;
    expect(read(without, { by }).expires).toBe(NOW_MS + 120_000);
  });
});

describe("a refresh's answer", () => {
  test("loses no field, three times over", () => {
    let grant = previous;
    for (const round of [1, 2, 3]) {
      grant = read({ access_token: `access-${round}`, expires_in: 60 }, { of: grant });
    }
    expect(grant).toEqual({ ...previous, access: "access-3", expires: NOW_MS + 60_000 });
  });

  test("rotates the refresh token when it brings one", () => {
    expect(read(answer, { of: previous }).refresh).toBe("refresh-1");
  });

  test("cannot change who logged in, or when", () => {
    const by = rulesOf({
      response: { keep: { email: "email", orgId: "org", projectId: "project" } },
    });
    const given = { ...answer, email: "other@evil.example", org: "org-1", project: "p-1" };
    const grant = read(given, { by, of: previous });
    expect(grant).toMatchObject({ email: "who@logged.in", orgId: "org-0", authorizedAt: 5 });
    expect(grant.projectId).toBe("p-1");
  });

  test("is not asked for scopes again", () => {
    expect(read({ ...answer, scope: "less" }, { of: previous }).access).toBe("access-1");
  });

  test("of a grant without a descriptor is read as the standard says", () => {
    const grant = credentialFromAnswer(undefined, answer, { receivedAtMs: NOW_MS, previous });
    expect(grant).toMatchObject({ access: "access-1", tokenUrl: "https://mcp.example/token" });
  });
});

test("a descriptor cannot map what the engine decides, or a name of Object.prototype", () => {
  for (const name of ["refresh", "expires", "type", "constructor", "a.b"]) {
    expect(() => rulesOf({ response: { keep: { [name]: "x" } } })).toThrow();
  }
});
