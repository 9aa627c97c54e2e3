// Clocks that jump, race and stand still: no grant is refreshed early, none too late, and no lease is stolen.

import { SteadyClock } from "#platform";
import { expect, test } from "bun:test";
import type { SpawnExchange } from "../../broker/refresh/spawn-exchange.ts";
import { exchangeHere, RefreshUnderTest, storeGrant, TestClock } from "./refresh-under-test.ts";
import { RefreshWorker } from "./refresh-workers.ts";
import { startTokenServer } from "./token-server.ts";

const HOUR_MS = 3_600_000;
const GRANTS = 20;

async function crowd() {
  const peer = await startTokenServer();
  const under = new RefreshUnderTest(peer);
  const source = new TestClock();
  const clock = new SteadyClock({ source });
  const vault = under.openVault();
  let exchanges = 0;
  const spawnExchange: SpawnExchange = (job, env) => {
    exchanges += 1;
    return exchangeHere(job, env);
  };
  for (let n = 0; n < GRANTS; n += 1) {
    await storeGrant(vault, peer, { expires: clock.nowMs() + HOUR_MS });
  }
  const refresher = under.refresher({ vault, clock, spawnExchange, random: () => 0 });
  return {
    source,
    /** Exchanges so far, after one more sweep. */
    sweep: async () => {
      await refresher.sweep();
      return exchanges;
    },
    async [Symbol.asyncDispose]() {
      await under[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
    },
  };
}

test.each([2, -2])(
  "a wall clock that jumps by %d hours and back refreshes nothing",
  async (hours) => {
    await using grants = await crowd();
    grants.source.wallMs += hours * HOUR_MS;
    for (let minute = 0; minute < 4; minute += 1) {
      grants.source.pass(60_000);
      expect(await grants.sweep()).toBe(0);
    }
    grants.source.wallMs -= hours * HOUR_MS;
    expect(await grants.sweep()).toBe(0);
  },
);

test("a wall clock ten times too fast refreshes nothing early, one that stands still nothing late", async () => {
  for (const rate of [10, 0]) {
    await using grants = await crowd();
    for (let minute = 1; minute < 55; minute += 1) {
      grants.source.wallMs += rate * 60_000;
      grants.source.steadyMs += 60_000;
      expect(await grants.sweep()).toBe(0);
    }
    grants.source.steadyMs += 120_000;
    expect(await grants.sweep()).toBe(GRANTS);
  }
});

test("a jump that lasts is believed, and then each grant is refreshed once", async () => {
  await using grants = await crowd();
  grants.source.wallMs += 2 * HOUR_MS;
  const counts: number[] = [];
  for (let minute = 0; minute < 8; minute += 1) {
    counts.push(await grants.sweep());
    grants.source.pass(60_000);
  }
  expect(counts.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  expect(counts.slice(6)).toEqual([GRANTS, GRANTS]);
});

const faketime = Bun.which("faketime");
if (faketime === null) {
  process.stderr.write(
    "refresh-clock: skipped with a real process, because faketime is not installed\n",
  );
}

test.skipIf(faketime === null).each(["+2h", "-2h", "+0 x10"])(
  "a broker whose clock is moved by %s steals no attempt of another",
  async (shift) => {
    await using peer = await startTokenServer();
    await using under = new RefreshUnderTest(peer);
    const { id, grant } = await storeGrant(under.openVault(), peer);
    await peer.fault("slow-after-commit", { delayMs: 500 });
    await using first = new RefreshWorker(under, peer, { ids: [id] });
    await using moved = new RefreshWorker(under, peer, {
      ids: [id],
      launcher: [faketime ?? "", "-f", shift],
    });
    expect([await first.line(), await moved.line()]).toEqual(["ready", "ready"]);
    await first.go();
    while ((await peer.ledger()).tokenRequests === 0) await Bun.sleep(2);
    await moved.go();
    const tokens = await first.line();
    expect(await moved.line()).toBe(tokens ?? "");
    const family = await peer.family(grant.refresh_token);
    expect(family).toMatchObject({ isAlive: true, refreshes: 1, reuses: 0 });
  },
);
