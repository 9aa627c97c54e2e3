// The request that renews a grant: to whom it goes, what it carries, and when there is none.

import { describe, expect, test } from "bun:test";
import { type OAuthCredential, REMOTE_REFRESH } from "#wire";
import { OAuthRules, type ProviderDescriptorInput } from "./descriptor.ts";
import { canRefresh, refreshRequest } from "./refresh-request.ts";

type RulesInput = NonNullable<ProviderDescriptorInput["oauth"]>;

function rulesOf(changes: Partial<RulesInput> = {}, clientId: string | undefined = "client-1") {
  return OAuthRules.parse({
    policy: {
      status: "restricted",
      reason: "Only its own app.",
      link: "https://idp.example/rules",
    },
    source: "a test",
    asksFor: "nothing",
    flow: {
      kind: "device",
      ...(clientId && { clientId }),
      deviceUrl: "https://idp.example/device",
      tokenUrl: "https://idp.example/token",
    },
    refresh: {
      url: "https://idp.example/token",
      params: {
        grant_type: "refresh_token",
        refresh_token: "{refresh}",
        client_id: "{clientId}",
        client_secret: "{clientSecret}",
        resource: "{resource}",
      },
      headers: { "X-Org": "{orgId}", "X-Beta": "on" },
    },
    ...changes,
  });
}

const grant: OAuthCredential = {
  type: "oauth",
  access: "access-0",
  refresh: "re fresh&0",
  expires: 0,
  tokenUrl: "https://elsewhere.example/token",
};

const mcp: OAuthCredential = {
  ...grant,
  tokenUrl: "https://mcp.example/token",
  clientId: "mcp-client",
  resource: "https://mcp.example/",
};

function paramsOf(body: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(body));
}

describe("a refresh request", () => {
  test("fills in what is known and leaves out what is not", () => {
    const request = refreshRequest("idp", rulesOf(), grant);
    expect(request).toEqual({
      url: "https://idp.example/token",
      method: "POST",
      headers: {
        accept: "application/json",
        "content-type": "application/x-www-form-urlencoded",
        "x-beta": "on",
      },
      body: "grant_type=refresh_token&refresh_token=re+fresh%260&client_id=client-1",
    });
  });

  test("carries the secret and the fields of the grant when there are any", () => {
    const full = { ...grant, resource: "https://api.example/v1", orgId: "org-1" };
    const request = refreshRequest("idp", rulesOf(), full, { clientSecret: "s3cret" });
    expect(paramsOf(request.body)).toMatchObject({
      client_secret: "s3cret",
      resource: "https://api.example/v1",
    });
    expect(request.headers["x-org"]).toBe("org-1");
  });

  test("prefers the client id that the login was given", () => {
    const request = refreshRequest("idp", rulesOf(), { ...grant, clientId: "issued-7" });
    expect(paramsOf(request.body)["client_id"]).toBe("issued-7");
  });

  test("is JSON where the descriptor says so", () => {
    const json = rulesOf({
      refresh: { url: "https://idp.example/t", format: "json", params: { token: "{refresh}" } },
    });
    const request = refreshRequest("idp", json, grant);
    expect(request.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(request.body)).toEqual({ token: "re fresh&0" });
  });

  test("goes to the descriptor's address, whatever the grant claims", () => {
    expect(refreshRequest("idp", rulesOf(), mcp).url).toBe("https://idp.example/token");
  });

  test("of an MCP grant goes where the grant was issued", () => {
    const request = refreshRequest("mcp_oauth:profile:default:https://mcp.example", undefined, mcp);
    expect(request.url).toBe("https://mcp.example/token");
    expect(paramsOf(request.body)).toEqual({
      grant_type: "refresh_token",
      refresh_token: "re fresh&0",
      client_id: "mcp-client",
      resource: "https://mcp.example/",
    });
  });
});

describe("no refresh", () => {
  test("without the client id that the provider lets nobody ship", () => {
    const reason = canRefresh("idp", rulesOf({}, ""), grant);
    expect(reason).toContain("restricted");
    expect(reason).toContain("Only its own app.");
    expect(() => refreshRequest("idp", rulesOf({}, ""), grant)).toThrow("cannot be refreshed");
  });

  test.each([
    ["a provider nobody knows", "unknown", undefined, grant],
    ["a provider without renewal", "idp", rulesOf({ refresh: undefined }), grant],
    ["a token without an end", "idp", rulesOf(), { ...grant, refresh: grant.access }],
    ["a redacted grant", "idp", rulesOf(), { ...grant, refresh: REMOTE_REFRESH }],
    ["an MCP grant without address", "mcp_oauth:x", undefined, { ...mcp, tokenUrl: undefined }],
    ["an MCP grant over http", "mcp_oauth:x", undefined, { ...mcp, tokenUrl: "http://a.example/" }],
    ["an MCP grant to a file", "mcp_oauth:x", undefined, { ...mcp, tokenUrl: "file:///etc/x" }],
    ["an MCP grant without client", "mcp_oauth:x", undefined, { ...mcp, clientId: undefined }],
    ["an MCP id on a grant of another kind", "xmcp_oauth:x", undefined, mcp],
  ])("for %s", (_name, provider, rules, credential) => {
    expect(canRefresh(provider, rules, credential)).toBeString();
    expect(() => refreshRequest(provider, rules, credential)).toThrow();
  });

  test("except on this machine, http is enough for an MCP grant", () => {
    const local = { ...mcp, tokenUrl: "http://127.0.0.1:9/token" };
    expect(canRefresh("mcp_oauth:x", undefined, local)).toBe(true);
  });
});
