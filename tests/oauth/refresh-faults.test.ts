// What a misbehaving token server can do to a grant: nothing, except end it with an OAuth error of its own.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { RefreshError, type RefreshErrorCode } from "../../broker/refresh/refresh-error.ts";
import type { Refresher } from "../../broker/refresh/refresher.ts";
import { FAULT_KINDS, commitsUnder, type FaultKind } from "./faults.ts";
import { CLIENTS } from "./oauth-peer.ts";
import { postRefresh } from "./peer-client.ts";
import {
  RefreshUnderTest,
  storeGrant,
  storeMcpGrant,
  TestClock,
  providerAt,
} from "./refresh-under-test.ts";
import { startTokenServer } from "./token-server.ts";

async function errorOf(refresher: Refresher, id: number): Promise<RefreshError> {
  const error = await refresher.refresh(id).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof RefreshError)) throw error;
  return error;
}

/** The answer arrives whole, late or odd: the grant is renewed at the first try. */
const HARMLESS: readonly FaultKind[] = ["slow", "slow-after-commit", "onebyte"];
/** The provider answered, or was not reached: the token is as good as before, and is left alone for a while. */
const REFUSED_FOR_NOW: readonly FaultKind[] = [
  "slow-down-400",
  "status",
  "waf403",
  "html200",
  "error200",
  "redirect",
];
/** No whole answer came: one more use of the token tells. */
const UNKNOWN: readonly FaultKind[] = [
  "drop-before",
  "hang",
  "garbage",
  "hugejson",
  "drop-after-commit",
  "hang-after-commit",
  "dup-json",
];
/** The answer breaks off after its last byte: the runtime hands over what had come, or nothing. */
const CUT_SHORT: readonly FaultKind[] = ["truncate"];
const DEFINITIVE: readonly FaultKind[] = ["invalid-grant-400", "invalid-client-401"];

test("every fault of the token server is told apart here", () => {
  const known = [...HARMLESS, ...REFUSED_FOR_NOW, ...UNKNOWN, ...CUT_SHORT, ...DEFINITIVE];
  expect(known.toSorted()).toEqual(FAULT_KINDS.toSorted());
});

test.each(HARMLESS)("%s: the grant is renewed", async (kind) => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id, grant } = await storeGrant(vault, peer);
  await peer.fault(kind);
  const { credential } = await under.refresher({ vault }).refresh(id);
  const family = await peer.family(grant.refresh_token);
  expect(family).toMatchObject({ isAlive: true, refreshes: 1, reuses: 0 });
  expect(credential).toMatchObject({ refresh: family?.liveRefreshTokens[0] });
});

test.each(CUT_SHORT)(
  "%s: what arrived is stored, and what did not is called a lost answer",
  async (kind) => {
    await using peer = await startTokenServer();
    await using under = new RefreshUnderTest(peer);
    const vault = under.openVault();
    const { id, grant } = await storeGrant(vault, peer);
    await peer.fault(kind);
    const refresher = under.refresher({ vault });
    const stored = await refresher.refresh(id).catch(() => undefined);
    if (stored === undefined) {
      expect(vault.list()).toMatchObject([{ disabledCause: "needs_login(lost_response)" }]);
      return;
    }
    const family = await peer.family(grant.refresh_token);
    expect(family).toMatchObject({ isAlive: true, refreshes: 1, reuses: 0 });
    expect(stored.credential).toMatchObject({ refresh: family?.liveRefreshTokens[0] });
  },
);

test.each(REFUSED_FOR_NOW)("%s: nothing changes, and the next try waits", async (kind) => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const clock = new TestClock();
  const { id, grant } = await storeGrant(vault, peer);
  const { generation } = vault;
  const refresher = under.refresher({ vault, clock });
  await peer.fault(kind);
  const { code, retryAtMs = 0 } = await errorOf(refresher, id);
  expect(code).toBe("provider_unreachable");
  expect(retryAtMs - clock.nowMs()).toBeWithin(45_000, 75_001);
  expect(vault.generation).toBe(generation);
  expect(await errorOf(refresher, id)).toMatchObject({ code: "refresh_backing_off", retryAtMs });
  expect(await peer.ledger()).toMatchObject({ tokenRequests: 1, redirected: 0 });
  expect(refresher.problems()).toMatchObject([{ id, retryAtMs }]);
  clock.pass(75_001);
  await refresher.refresh(id);
  expect(refresher.problems()).toEqual([]);
  expect(await peer.family(grant.refresh_token)).toMatchObject({ isAlive: true, refreshes: 1 });
});

describe.each(UNKNOWN)("%s", (kind) => {
  test("a forgiving server renews the grant at the second use of its token", async () => {
    await using peer = await startTokenServer({ rotation: { graceMs: 60_000 } });
    await using under = new RefreshUnderTest(peer);
    const vault = under.openVault();
    const { id, grant } = await storeGrant(vault, peer);
    await peer.fault(kind);
    await under.refresher({ vault, timeoutMs: 1_000 }).refresh(id);
    expect(await peer.ledger()).toMatchObject({ tokenRequests: 2 });
    const family = await peer.family(grant.refresh_token);
    expect(family).toMatchObject({
      isAlive: true,
      refreshes: 1,
      reuses: commitsUnder(kind) ? 1 : 0,
    });
  });

  test("a strict server ends it, if it had renewed it, and that is called a lost answer", async () => {
    await using peer = await startTokenServer();
    await using under = new RefreshUnderTest(peer);
    const vault = under.openVault();
    const { id, grant } = await storeGrant(vault, peer);
    await peer.fault(kind);
    const refresher = under.refresher({ vault, timeoutMs: 1_000 });
    if (!commitsUnder(kind)) {
      await refresher.refresh(id);
      expect(await peer.family(grant.refresh_token)).toMatchObject({ isAlive: true, reuses: 0 });
      return;
    }
    expect((await errorOf(refresher, id)).code).toBe("refresh_rejected");
    expect(vault.list()).toMatchObject([{ disabledCause: "needs_login(lost_response)" }]);
    expect(await peer.ledger()).toMatchObject({ tokenRequests: 2 });
  });
});

test("a provider that is down for an hour is asked ten times at most, by sweeps and callers alike", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const clock = new TestClock();
  const { id } = await storeGrant(vault, peer);
  // The shortest pauses that jitter can make.
  const refresher = under.refresher({ vault, clock, random: () => 0 });
  await peer.fault("drop-before", { times: 1000 });
  for (let minute = 0; minute < 60; minute += 1) {
    await refresher.sweep();
    expect((await errorOf(refresher, id)).code).toStartWith("refresh_backing");
    clock.pass(60_000);
  }
  expect((await peer.ledger()).tokenRequests).toBeWithin(6, 11);
  await peer.clearFaults();
  clock.pass(900_000);
  await refresher.refresh(id);
});

test("a provider's Retry-After is kept, up to the longest pause", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const clock = new TestClock();
  const refresher = under.refresher({ vault, clock });
  for (const [retryAfterS, pauseMs] of [
    [600, 600_000],
    [86_400, 900_000],
  ] as const) {
    const { id } = await storeGrant(vault, peer);
    await peer.fault("status", { status: 429, retryAfterS });
    const { retryAtMs = 0 } = await errorOf(refresher, id);
    expect(retryAtMs - clock.nowMs()).toBe(pauseMs);
  }
});

test("a new login ends the pause that the old grant earned", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id } = await storeGrant(vault, peer, { email: "a@example.test" });
  const refresher = under.refresher({ vault });
  await peer.fault("status");
  expect((await errorOf(refresher, id)).code).toBe("provider_unreachable");
  const again = await storeGrant(vault, peer, { email: "a@example.test" });
  expect(again.id).toBe(id);
  await refresher.refresh(id);
});

test("a login during a refresh that is refused survives it", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const stale = await storeGrant(vault, peer, { email: "a@example.test" });
  await postRefresh(peer, stale.grant.refresh_token);
  await peer.fault("slow", { delayMs: 300 });
  const refreshing = under.refresher({ vault }).refresh(stale.id);
  while ((await peer.ledger()).tokenRequests < 2) await Bun.sleep(5);
  const { id, grant } = await storeGrant(vault, peer, { email: "a@example.test" });
  expect(id).toBe(stale.id);
  expect((await refreshing).credential).toMatchObject({ refresh: grant.refresh_token });
  expect(await peer.family(stale.grant.refresh_token)).toMatchObject({ reuses: 1 });
  expect(vault.get(id)?.credential).toMatchObject({ refresh: grant.refresh_token });
});

test("a refused client ends a grant only when it is not the operator's to mend", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const clock = new TestClock();
  const { id } = await storeGrant(vault, peer);
  const own = providerAt(peer.tokenEndpoint, { origin: "operator-client" });
  await peer.fault("invalid-client-401", { times: 2 });
  const ofOperator = under.refresher({ vault, clock, providers: () => own });
  expect((await errorOf(ofOperator, id)).message).toContain("refuses the configured client");
  expect(vault.get(id)).toBeDefined();
  clock.pass(900_000);
  expect((await errorOf(under.refresher({ vault, clock }), id)).code).toBe("refresh_rejected");
  expect(vault.list()).toMatchObject([{ disabledCause: "client_refused(invalid_client)" }]);
});

test("three partial answers lose no field of a grant", async () => {
  await using peer = await startTokenServer({ rotation: "never", omitsRefreshToken: true });
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const fields = {
    email: "a@example.test",
    accountId: "acc",
    orgId: "org",
    orgName: "Org",
    projectId: "p",
    authorizedAt: 5,
    plan: "team",
    extra: { nested: [1, "2"] },
  };
  const { id, grant } = await storeGrant(vault, peer, fields);
  const other = await storeMcpGrant(vault, peer, { plan: "own" });
  const refresher = under.refresher({ vault, freshMs: 0 });
  for (let time = 0; time < 3; time += 1) {
    await refresher.refresh(id);
    await refresher.refresh(other.id);
  }
  expect(vault.get(id)?.credential).toMatchObject({ ...fields, refresh: grant.refresh_token });
  expect(vault.get(other.id)?.credential).toMatchObject({
    tokenUrl: peer.tokenEndpoint,
    clientId: CLIENTS.public.id,
    resource: "r",
    plan: "own",
    refresh: other.grant.refresh_token,
  });
  expect((await peer.ledger()).refreshes).toBe(6);
  expect(readdirSync(join(under.home, "refresh"))).toEqual([]);
});

test("nothing is sent to a token endpoint that cannot be reached, and nothing is believed of it", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id } = await storeGrant(vault, peer);
  const nowhere = providerAt("http://127.0.0.1:1/token");
  const error = await errorOf(under.refresher({ vault, providers: () => nowhere }), id);
  const code: RefreshErrorCode = "provider_unreachable";
  expect([error.code, error.message]).toEqual([code, expect.stringContaining("ECONNREFUSED")]);
});
