// The refresher against a real token server: one exchange per grant, its answer durable before anyone hears of
// it, and nothing lost whatever the server does.

import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { RefreshError } from "../../broker/refresh/refresh-error.ts";
import { listenOnLoopback, originOf, stopListening } from "./loopback.ts";
import { CLIENTS, type OAuthPeer } from "./oauth-peer.ts";
import { startOidcServer } from "./oidc-server.ts";
import {
  grantFrom,
  PROVIDER,
  providerAt,
  RefreshUnderTest,
  storeGrant,
  TestClock,
} from "./refresh-under-test.ts";
import { startTokenServer } from "./token-server.ts";

/** The code of the RefreshError that a promise ends with. */
async function codeOf(refreshing: Promise<unknown>): Promise<string> {
  const error = await refreshing.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof RefreshError)) throw error;
  return error.code;
}

test("a rotated token is durable, and in other processes' sight, before anyone hears of it", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id, grant } = await storeGrant(vault, peer);
  const heard: (string | undefined)[] = [];
  const other = under.openVault();
  vault.onChange(() => heard.push(JSON.stringify(other.get(id)?.credential)));
  const refreshed = await under.refresher({ vault }).refresh(id);
  expect(heard).toEqual([JSON.stringify(refreshed.credential)]);
  const { liveRefreshTokens = [] } = (await peer.family(grant.refresh_token)) ?? {};
  expect(refreshed.credential).toMatchObject({ refresh: liveRefreshTokens[0] });
  expect(readdirSync(join(under.home, "refresh"))).toEqual([]);
});

test.each([
  ["a strict token server", startTokenServer],
  ["a real OpenID provider", startOidcServer],
])(
  "of many callers and refreshers at %s one exchanges, and all get its token",
  async (_name, start) => {
    await using peer: OAuthPeer = await start();
    await using under = new RefreshUnderTest(peer);
    const { id, grant } = await storeGrant(under.openVault(), peer);
    const refreshers = Array.from({ length: 4 }, () => under.refresher());
    const calls = refreshers.flatMap((refresher) => [refresher.refresh(id), refresher.refresh(id)]);
    const tokens = (await Promise.all(calls)).map(({ credential }) => JSON.stringify(credential));
    expect(new Set(tokens).size).toBe(1);
    expect(await peer.family(grant.refresh_token)).toMatchObject({
      isAlive: true,
      refreshes: 1,
      reuses: 0,
    });
  },
);

test("what cannot be refreshed says why", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const refresher = under.refresher({ vault });
  const key = vault.upsert("openai", { type: "api_key", key: "k-1" }).id;
  const foreign = vault.upsert("nobody", { type: "oauth", access: "a", refresh: "r", expires: 0 });
  const { id } = await storeGrant(vault, peer);
  expect(await codeOf(refresher.refresh(1))).toBe("credential_unknown");
  expect(await codeOf(refresher.refresh(key))).toBe("not_oauth");
  expect(await codeOf(refresher.refresh(foreign.id))).toBe("refresh_not_possible");
  expect(refresher.problems()).toMatchObject([{ id: foreign.id, retryAtMs: null }]);
  vault.quarantine();
  expect(await codeOf(refresher.refresh(id))).toBe("quarantined");
  await refresher.sweep();
  expect((await peer.ledger()).tokenRequests).toBe(0);
  expect(refresher.schedule().enabled).toBe(false);
});

test("a caller who leaves does not take the exchange along", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const { id, grant } = await storeGrant(under.openVault(), peer);
  const refresher = under.refresher();
  const leaving = new AbortController();
  const left = refresher.refresh(id, { signal: leaving.signal });
  const stays = refresher.refresh(id);
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  expect((await stays).credential).not.toMatchObject({ refresh: grant.refresh_token });
});

test("a revoked grant is disabled with its cause, and its secrets are wiped", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id } = await storeGrant(vault, peer);
  await peer.fault("invalid-grant-400");
  expect(await codeOf(under.refresher({ vault }).refresh(id))).toBe("refresh_rejected");
  expect(vault.get(id)).toBeUndefined();
  expect(vault.list()).toMatchObject([{ id, disabledCause: "needs_login(invalid_grant)" }]);
});

test("a sweep goes through what is due and leaves the rest alone", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const clock = new TestClock();
  const due = await storeGrant(vault, peer, { expires: clock.nowMs() + 299_000 });
  const later = await storeGrant(vault, peer, { expires: clock.nowMs() + 301_000 });
  await under.refresher({ vault, clock }).sweep();
  expect(await peer.family(due.grant.refresh_token)).toMatchObject({ refreshes: 1 });
  expect(await peer.family(later.grant.refresh_token)).toMatchObject({ refreshes: 0 });
});

test("the exchange takes the proxy that inference takes", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id } = await storeGrant(vault, peer);
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end(JSON.stringify({ access_token: "by-proxy", refresh_token: "r", expires_in: 60 }));
  });
  await listenOnLoopback(proxy);
  const elsewhere = providerAt("https://example.test/token");
  const plain = providerAt("http://localhost:9/token");
  const env = { HTTP_PROXY: originOf(proxy), HTTPS_PROXY: "http://127.0.0.1:1" };
  const { credential } = await under.refresher({ vault, env, providers: () => plain }).refresh(id);
  expect(credential).toMatchObject({ access: "by-proxy" });
  expect(asked).toEqual(["POST http://localhost:9/token"]);
  const byHttps = under.refresher({ vault, env, freshMs: 0, providers: () => elsewhere });
  expect(await codeOf(byHttps.refresh(id))).toBe("provider_unreachable");
  await stopListening(proxy);
});

test("the operator's client secret is read when it is needed, and a missing one is said", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id, secret } = CLIENTS.confidentialPost;
  const registered = providerAt(peer.tokenEndpoint, { client: { id, secret: "CLIENT_SECRET" } });
  const grant = await peer.mintGrant({ client: "confidentialPost" });
  const stored = vault.upsert(PROVIDER, grantFrom(grant));
  const options = { vault, providers: () => registered };
  const error = await under
    .refresher(options)
    .refresh(stored.id)
    .catch((each: unknown) => each);
  expect(error).toMatchObject({ code: "refresh_not_possible" });
  expect(String(error)).toContain("CLIENT_SECRET is not set");
  await under.refresher({ ...options, env: { CLIENT_SECRET: secret } }).refresh(stored.id);
  expect(await peer.family(grant.refresh_token)).toMatchObject({ refreshes: 1 });
});

test("a stopping refresher finishes what it began, and begins nothing", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const [one, other] = [await storeGrant(vault, peer), await storeGrant(vault, peer)];
  const refresher = under.refresher({ vault });
  refresher.start();
  expect(refresher.schedule()).toMatchObject({
    enabled: true,
    intervalMs: 60_000,
    skewMs: 300_000,
  });
  await peer.fault("slow-after-commit", { delayMs: 200 });
  const refreshing = refresher.refresh(one.id);
  while ((await peer.ledger()).tokenRequests === 0) await Bun.sleep(2);
  const stopping = refresher.stop();
  expect(await codeOf(refresher.refresh(other.id))).toBe("refresher_stopped");
  await stopping;
  expect((await refreshing).credential).not.toMatchObject({ refresh: one.grant.refresh_token });
  expect(refresher.schedule().enabled).toBe(false);
});
