// The OpenID server and the scripted browser: logins, device codes, rotation and its ends, as a plain client of
// the protocol meets them.

import { describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { CLIENTS, type MintedGrant, type OAuthPeer } from "./oauth-peer.ts";
import { type OidcServer, startOidcServer } from "./oidc-server.ts";
import { postRefresh, postToken } from "./peer-client.ts";
import { ScriptedBrowser } from "./scripted-browser.ts";

// Nobody listens there; these tests read the callback's URL instead of calling it.
const REDIRECT = "http://127.0.0.1:49152/callback";

function challenge() {
  const verifier = randomBytes(32).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}

function authorizationUrl(
  { authorizationEndpoint }: OidcServer,
  parameters: Readonly<Record<string, string>>,
): string {
  const url = new URL(authorizationEndpoint);
  url.search = new URLSearchParams({
    client_id: CLIENTS.public.id,
    response_type: "code",
    redirect_uri: REDIRECT,
    scope: "openid email offline_access",
    prompt: "consent",
    code_challenge_method: "S256",
    ...parameters,
  }).toString();
  return url.href;
}

async function logIn(
  server: OidcServer,
  {
    browser = new ScriptedBrowser(),
    ...parameters
  }: { browser?: ScriptedBrowser; nonce?: string } = {},
) {
  const { verifier, challenge: code_challenge } = challenge();
  const sent = { code_challenge, state: "s-1", ...parameters };
  const callback = await browser.authorize(authorizationUrl(server, sent));
  const exchange = (overrides: Readonly<Record<string, string>> = {}) =>
    postToken(server, {
      grant_type: "authorization_code",
      code: callback.searchParams.get("code") ?? "",
      redirect_uri: REDIRECT,
      code_verifier: verifier,
      ...overrides,
    });
  return { callback, exchange };
}

async function tokens(answered: Promise<Response>) {
  const answer = await answered;
  expect(answer.status).toBe(200);
  return (await answer.json()) as MintedGrant & { id_token: string; scope: string };
}

async function refusal(answered: Promise<Response>): Promise<unknown> {
  const { status, ...answer } = {
    status: (await answered).status,
    body: await (await answered).json(),
  };
  expect(status).toBeGreaterThanOrEqual(400);
  return (answer.body as { error: string }).error;
}

describe("a login", () => {
  test("with a code and PKCE ends with tokens, an ID token and the issuer in the callback", async () => {
    await using server = await startOidcServer({ accessTokenTtlS: 120 });
    const browser = new ScriptedBrowser({ account: "bob" });
    const { callback, exchange } = await logIn(server, { browser, nonce: "n-1" });
    expect(callback.href).toStartWith(`${REDIRECT}?`);
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({
      state: "s-1",
      iss: server.issuer,
    });
    const { id_token, access_token, expires_in, scope } = await tokens(exchange());
    expect(expires_in).toBe(120);
    expect(scope).toBe("openid email offline_access");
    const { payload, protectedHeader } = await jwtVerify(
      id_token,
      createRemoteJWKSet(new URL(server.jwksUri)),
      { issuer: server.issuer, audience: CLIENTS.public.id },
    );
    expect(protectedHeader.alg).toBe("RS256");
    expect(payload).toMatchObject({ sub: "bob", email: "bob@example.test", nonce: "n-1" });
    const headers = { authorization: `Bearer ${access_token}` };
    const userinfo = await fetch(server.userinfoEndpoint, { headers });
    expect(await userinfo.json()).toMatchObject({ sub: "bob", email: "bob@example.test" });
    expect(await server.ledger()).toMatchObject({ codeExchanges: 1, liveFamilies: 1 });
  });

  test("is refused its tokens with a wrong verifier, a used code or an expired one", async () => {
    await using server = await startOidcServer();
    const wrong = await logIn(server);
    expect(await refusal(wrong.exchange({ code_verifier: challenge().verifier }))).toBe(
      "invalid_grant",
    );
    const used = await logIn(server);
    const { refresh_token } = await tokens(used.exchange());
    expect(await refusal(used.exchange())).toBe("invalid_grant");
    expect(await server.family(refresh_token)).toMatchObject({ isAlive: false });
    const expired = await logIn(server);
    server.expireCodes();
    expect(await refusal(expired.exchange())).toBe("invalid_grant");
    expect(await server.ledger()).toMatchObject({ codeExchanges: 1 });
  });

  test("without PKCE, or to a path that is not registered, yields no code", async () => {
    await using server = await startOidcServer();
    const browser = new ScriptedBrowser();
    const url = new URL(authorizationUrl(server, {}));
    url.searchParams.delete("code_challenge_method");
    expect((await browser.authorize(url.href)).searchParams.get("error")).toBe("invalid_request");
    const elsewhere = {
      code_challenge: challenge().challenge,
      redirect_uri: "http://127.0.0.1:1/no",
    };
    const refused = browser.authorize(authorizationUrl(server, elsewhere));
    await expect(refused).rejects.toThrow("invalid_redirect_uri");
  });

  test("that the user denies says so in the callback", async () => {
    await using server = await startOidcServer();
    const { callback } = await logIn(server, { browser: new ScriptedBrowser({ denies: true }) });
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({
      error: "access_denied",
      state: "s-1",
    });
  });

  test("ends in a callback without the issuer when the server sends none", async () => {
    await using server = await startOidcServer({ sendsIssuer: false });
    const { callback, exchange } = await logIn(server);
    expect(callback.searchParams.has("iss")).toBe(false);
    await tokens(exchange());
  });

  test("calls the callback when the browser is told to", async () => {
    await using server = await startOidcServer();
    const seen: string[] = [];
    await using listener = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: ({ url }) => {
        seen.push(url);
        return new Response("You may close this page.");
      },
    });
    const redirect_uri = `http://127.0.0.1:${listener.port}/auth/callback`;
    const url = authorizationUrl(server, { redirect_uri, code_challenge: challenge().challenge });
    const page = await new ScriptedBrowser().login(url);
    expect(await page.text()).toBe("You may close this page.");
    expect(seen).toEqual([expect.stringMatching(/\/auth\/callback\?code=/)]);
  });
});

describe("a refresh", () => {
  test("rotates a minted grant, and a used token revokes the family and no other", async () => {
    await using server = await startOidcServer();
    const [grant, other] = [await server.mintGrant(), await server.mintGrant()];
    const next = await tokens(postRefresh(server, grant.refresh_token));
    expect(next.refresh_token).not.toBe(grant.refresh_token);
    expect(await server.family(grant.refresh_token)).toEqual({
      isAlive: true,
      refreshes: 1,
      reuses: 0,
      forgiven: 0,
      liveRefreshTokens: [next.refresh_token],
    });
    expect(await refusal(postRefresh(server, grant.refresh_token))).toBe("invalid_grant");
    expect(await refusal(postRefresh(server, next.refresh_token))).toBe("invalid_grant");
    expect(await server.family(next.refresh_token)).toMatchObject({ isAlive: false, reuses: 1 });
    await tokens(postRefresh(server, other.refresh_token));
    expect(await server.ledger()).toMatchObject({ refreshes: 2, liveFamilies: 1, deadFamilies: 1 });
  });

  test("sent many times at once with one token is committed once", async () => {
    await using server = await startOidcServer();
    const { refresh_token } = await server.mintGrant();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => postRefresh(server, refresh_token)),
    );
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await server.family(refresh_token)).toMatchObject({ refreshes: 1, reuses: 9 });
  });

  test("is forgiven within the grace, and after it kills the family", async () => {
    let nowMs = Date.now();
    await using server = await startOidcServer({ rotation: { graceMs: 1000 }, now: () => nowMs });
    const { refresh_token } = await server.mintGrant();
    const first = await tokens(postRefresh(server, refresh_token));
    nowMs += 999;
    const second = await tokens(postRefresh(server, refresh_token));
    expect(await server.family(refresh_token)).toMatchObject({
      isAlive: true,
      forgiven: 1,
      liveRefreshTokens: [first.refresh_token, second.refresh_token],
    });
    nowMs += 1;
    expect(await refusal(postRefresh(server, refresh_token))).toBe("invalid_grant");
    expect(await server.family(refresh_token)).toMatchObject({
      isAlive: false,
      forgiven: 1,
      reuses: 2,
    });
  });

  test("has a grace that does not extend to codes", async () => {
    await using server = await startOidcServer({ rotation: { graceMs: 60_000 } });
    const { exchange } = await logIn(server);
    await tokens(exchange());
    expect(await refusal(exchange())).toBe("invalid_grant");
  });

  test("leaves the token as it is without rotation", async () => {
    await using server = await startOidcServer({ rotation: "never" });
    const { refresh_token } = await server.mintGrant();
    for (let round = 0; round < 2; round += 1) {
      expect((await tokens(postRefresh(server, refresh_token))).refresh_token).toBe(refresh_token);
    }
    expect(await server.family(refresh_token)).toMatchObject({ refreshes: 2, reuses: 0 });
  });

  test("whose answer is lost is in the books, and a naive retry locks the account out", async () => {
    await using server = await startOidcServer();
    const { refresh_token } = await server.mintGrant();
    await server.fault("drop-after-commit");
    await expect(postRefresh(server, refresh_token)).rejects.toThrow();
    expect(await server.family(refresh_token)).toMatchObject({ isAlive: true, refreshes: 1 });
    expect(await refusal(postRefresh(server, refresh_token))).toBe("invalid_grant");
    expect(await server.family(refresh_token)).toMatchObject({ isAlive: false });
  });

  test("may come from a client with a secret, by Basic or in the body", async () => {
    await using server = await startOidcServer();
    const { confidential, confidentialPost } = CLIENTS;
    const { refresh_token } = await server.mintGrant({ client: "confidential" });
    const form = { grant_type: "refresh_token", refresh_token };
    expect(await refusal(postToken(server, { ...form, client_id: confidential.id }))).toBe(
      "invalid_client",
    );
    const basic = Buffer.from(`${confidential.id}:${confidential.secret}`).toString("base64");
    const headers = { authorization: `Basic ${basic}` };
    await tokens(postToken(server, {}, { headers, body: new URLSearchParams(form) }));
    const byPost = await server.mintGrant({ client: "confidentialPost" });
    const secret = { client_id: confidentialPost.id, client_secret: confidentialPost.secret };
    await tokens(postToken(server, { ...form, refresh_token: byPost.refresh_token, ...secret }));
  });
});

describe("a device", () => {
  async function authorizeDevice(server: OidcServer) {
    const body = new URLSearchParams({
      client_id: CLIENTS.public.id,
      scope: "openid offline_access",
      prompt: "consent",
    });
    const answer = await fetch(server.deviceAuthorizationEndpoint, { method: "POST", body });
    expect(answer.status).toBe(200);
    const device = (await answer.json()) as Record<
      "device_code" | "user_code" | "verification_uri",
      string
    >;
    const poll = () =>
      postToken(server, {
        grant_type: "urn:ietf:params:oauth:grant-type:device_code",
        device_code: device.device_code,
      });
    return { ...device, poll };
  }

  test("waits until its code is entered, and then gets tokens that refresh", async () => {
    await using server = await startOidcServer();
    const { poll, user_code, verification_uri } = await authorizeDevice(server);
    expect(await refusal(poll())).toBe("authorization_pending");
    await server.fault("slow-down-400");
    expect(await refusal(poll())).toBe("slow_down");
    expect(await new ScriptedBrowser().enterUserCode(verification_uri, user_code)).toBe(
      "Signed in.",
    );
    const { refresh_token } = await tokens(poll());
    await tokens(postRefresh(server, refresh_token));
    expect(await server.ledger()).toMatchObject({ codeExchanges: 1, refreshes: 1 });
  });

  test("is told when the user says no, and when its code expired", async () => {
    await using server = await startOidcServer();
    const denied = await authorizeDevice(server);
    const browser = new ScriptedBrowser({ denies: true });
    await browser.enterUserCode(denied.verification_uri, denied.user_code);
    expect(await refusal(denied.poll())).toBe("access_denied");
    const { poll } = await authorizeDevice(server);
    server.expireCodes();
    expect(await refusal(poll())).toBe("expired_token");
  });
});

test("revoking a refresh token ends its family", async () => {
  await using server = await startOidcServer();
  const { refresh_token, access_token } = await server.mintGrant();
  const body = new URLSearchParams({ client_id: CLIENTS.public.id, token: refresh_token });
  const { status } = await fetch(server.revocationEndpoint, { method: "POST", body });
  expect(status).toBe(200);
  expect(await refusal(postRefresh(server, refresh_token))).toBe("invalid_grant");
  expect(await server.family(refresh_token)).toMatchObject({ isAlive: false, reuses: 0 });
  const headers = { authorization: `Bearer ${access_token}` };
  expect((await fetch(server.userinfoEndpoint, { headers })).status).toBe(401);
});

test("a minted access token is good at userinfo", async () => {
  await using server = await startOidcServer();
  const { access_token } = await server.mintGrant();
  const headers = { authorization: `Bearer ${access_token}` };
  const userinfo = await fetch(server.userinfoEndpoint, { headers });
  expect(await userinfo.json()).toMatchObject({ sub: "alice", email: "alice@example.test" });
});

test("two thousand grants live side by side", async () => {
  await using server = await startOidcServer();
  const grants: MintedGrant[] = [];
  for (let count = 0; count < 2000; count += 1) grants.push(await server.mintGrant());
  const [first] = grants;
  await tokens(postRefresh(server satisfies OAuthPeer, first?.refresh_token ?? ""));
  expect(await server.ledger()).toMatchObject({ liveFamilies: 2000 });
});
