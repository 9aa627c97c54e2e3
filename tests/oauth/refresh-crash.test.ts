// Brokers that are killed, frozen and stopped in the middle of a refresh: no grant is lost, no token is used twice.

import { expect, test } from "bun:test";
import type { Credential } from "#wire";
import type { Vault } from "../../broker/vault/vault.ts";
import type { OAuthPeer } from "./oauth-peer.ts";
import { RefreshUnderTest, storeGrant, storeMcpGrant } from "./refresh-under-test.ts";
import { RefreshWorker } from "./refresh-workers.ts";
import { startTokenServer } from "./token-server.ts";

/** Each interrupts two refreshes; `bench/refresh-crash.ts` does thousands. */
const KILLS = 100;
/** A whole refresh takes about this long here, in ms; kills fall anywhere in it. */
const REFRESH_MS = 150;

function accessOf(credential: Credential): string {
  return credential.type === "oauth" ? credential.access : "none";
}

async function isUsable(vault: Vault, peer: OAuthPeer, id: number): Promise<boolean> {
  const credential = vault.get(id)?.credential;
  const refresh = credential?.type === "oauth" ? credential.refresh : "none";
  const family = await peer.family(refresh);
  return family?.liveRefreshTokens.includes(refresh) ?? false;
}

test("of processes that refresh one grant, many times each, one exchanges and all get its token", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id, grant } = await storeGrant(vault, peer);
  await using stack = new AsyncDisposableStack();
  const workers = Array.from({ length: 4 }, () =>
    stack.use(new RefreshWorker(under, peer, { ids: [id], times: 5 })),
  );
  for (const worker of workers) expect(await worker.line()).toBe("ready");
  await Promise.all(workers.map((worker) => worker.go()));
  const printed = await Promise.all(workers.map((worker) => worker.line()));
  expect(new Set(printed.flatMap((line) => JSON.parse(line ?? "[]"))).size).toBe(1);
  const family = await peer.family(grant.refresh_token);
  expect(family).toMatchObject({ isAlive: true, refreshes: 1, reuses: 0 });
  expect(await isUsable(vault, peer, id)).toBe(true);
});

test(`${KILLS} brokers killed while they refresh at a strict and a forgiving server lose no grant and use no token twice`, async () => {
  await using strict = await startTokenServer();
  await using forgiving = await startTokenServer({ rotation: { graceMs: 10_000 } });
  await using under = new RefreshUnderTest(strict);
  const vault = under.openVault();
  const expires = Date.now() + 3_600_000;
  const { id } = await storeGrant(vault, strict, { expires });
  const mcp = await storeMcpGrant(vault, forgiving, { expires });
  for (const peer of [strict, forgiving]) {
    await peer.fault("slow-after-commit", { times: 1_000_000, delayMs: 20 });
  }
  const startWorker = () => new RefreshWorker(under, strict, { ids: [id, mcp.id], freshMs: 0 });
  const recovering = under.refresher({ vault });
  await using workers = new AsyncDisposableStack();
  let next = workers.use(startWorker());
  for (let kill = 0; kill < KILLS; kill += 1) {
    const worker = next;
    // Starts while this one works, so that starting costs no time.
    next = workers.use(startWorker());
    expect(await worker.line()).toBe("ready");
    await worker.go();
    await Bun.sleep(Math.random() * REFRESH_MS);
    worker.signal("SIGKILL");
    await worker.exited;
    // Finishes what is open, and refreshes nothing else: the grants are not due.
    await recovering.sweep();
    expect(await isUsable(vault, strict, id)).toBe(true);
    expect(await isUsable(vault, forgiving, mcp.id)).toBe(true);
  }
  for (const peer of [strict, forgiving]) {
    expect(await peer.ledger()).toMatchObject({ reuses: 0, liveFamilies: 1, deadFamilies: 0 });
  }
  expect((await strict.ledger()).refreshes).toBeGreaterThan(KILLS / 10);
}, 240_000);

test("a broker that is frozen past its lease is overtaken by nobody", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id, grant } = await storeGrant(vault, peer);
  await peer.fault("slow-after-commit", { delayMs: 300 });
  await using frozen = new RefreshWorker(under, peer, { ids: [id] });
  expect(await frozen.line()).toBe("ready");
  await frozen.go();
  while ((await peer.ledger()).tokenRequests === 0) await Bun.sleep(5);
  frozen.signal("SIGSTOP");
  vault.file.database.prepare("UPDATE refresh_attempts SET lease_until_ms = 0").run();
  // Its child goes on, and whoever asks now is given what that one got.
  const { credential } = await under.refresher().refresh(id);
  frozen.signal("SIGCONT");
  expect(await frozen.line()).toBe(JSON.stringify([accessOf(credential)]));
  const family = await peer.family(grant.refresh_token);
  expect(family).toMatchObject({ isAlive: true, refreshes: 1, reuses: 0 });
});

test("a broker frozen before it has sent is passed over, and does not send when it wakes", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id, grant } = await storeGrant(vault, peer);
  await using frozen = new RefreshWorker(under, peer, { ids: [id] });
  expect(await frozen.line()).toBe("ready");
  await frozen.go();
  const count = vault.file.database.prepare<[], { n: number }>(
    "SELECT count(*) AS n FROM refresh_attempts",
  );
  while (count.get()?.n !== 1) await Bun.sleep(0);
  frozen.signal("SIGSTOP");
  vault.file.database.prepare("UPDATE refresh_attempts SET lease_until_ms = 0").run();
  await under.refresher().refresh(id);
  frozen.signal("SIGCONT");
  await frozen.exited;
  const family = await peer.family(grant.refresh_token);
  expect(family).toMatchObject({ isAlive: true, refreshes: 1, reuses: 0 });
});

test("a broker that is told to stop stores the answer it waits for", async () => {
  await using peer = await startTokenServer();
  await using under = new RefreshUnderTest(peer);
  const vault = under.openVault();
  const { id } = await storeGrant(vault, peer);
  await peer.fault("slow-after-commit", { delayMs: 300 });
  await using worker = new RefreshWorker(under, peer, { ids: [id] });
  expect(await worker.line()).toBe("ready");
  await worker.go();
  while ((await peer.ledger()).tokenRequests === 0) await Bun.sleep(5);
  worker.signal("SIGTERM");
  await worker.exited;
  expect(await peer.ledger()).toMatchObject({ refreshes: 1, reuses: 0 });
  expect(await isUsable(vault, peer, id)).toBe(true);
  expect(vault.file.database.prepare("SELECT * FROM refresh_attempts").all()).toEqual([]);
});
