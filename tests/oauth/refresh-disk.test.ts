// A disk that fills up before, while and after a refresh asks: nothing is sent that could not be stored, nothing
// that was answered is lost. Needs root, for a file system of its own.

import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RefreshUnderTest, storeGrant, TestClock } from "./refresh-under-test.ts";
import { startTokenServer } from "./token-server.ts";

const BLOCK_BYTES = 4096;

/** A small file system in memory. */
class SmallDisk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "parley-disk-"));
  readonly isMounted: boolean;

  constructor() {
    const mount = ["-t", "tmpfs", "-o", "size=2m", "none", this.path];
    this.isMounted = process.platform === "linux" && spawnSync("mount", mount).status === 0;
  }

  /** Takes all space but `leftBytes`. */
  fill(leftBytes: number): void {
    const { bavail, bsize } = statfsSync(this.path);
    const bytes = bavail * bsize - leftBytes;
    if (bytes > 0) writeFileSync(join(this.path, "filler"), Buffer.alloc(bytes));
  }

  free(): void {
    rmSync(join(this.path, "filler"), { force: true });
  }

  [Symbol.dispose](): void {
    if (this.isMounted) spawnSync("umount", ["-l", this.path]);
    rmdirSync(this.path);
  }
}

function canMount(): boolean {
  using disk = new SmallDisk();
  return disk.isMounted;
}

const isSkipped = !canMount();
if (isSkipped)
  process.stderr.write("refresh-disk: skipped, because no tmpfs can be mounted here\n");

test.skipIf(isSkipped)(
  "however little space is left, no grant is lost, and freed space heals",
  async () => {
    await using peer = await startTokenServer();
    using disk = new SmallDisk();
    await using under = new RefreshUnderTest(peer, { parent: disk.path });
    const vault = under.openVault();
    const clock = new TestClock();
    const refresher = under.refresher({ vault, clock });
    let failures = 0;
    for (let blocks = 0; ; blocks += 4) {
      const { id, grant } = await storeGrant(vault, peer);
      disk.fill(blocks * BLOCK_BYTES);
      const isDone = await refresher.refresh(id).then(
        () => true,
        () => false,
      );
      disk.free();
      clock.pass(1_200_000);
      if (!isDone) await refresher.refresh(id);
      const family = await peer.family(grant.refresh_token);
      expect({ blocks, ...family }).toMatchObject({ blocks, isAlive: true, reuses: 0 });
      expect(vault.get(id)?.credential).toMatchObject({ refresh: family?.liveRefreshTokens[0] });
      if (isDone) break;
      failures += 1;
    }
    expect(failures).toBeGreaterThan(0);
  },
);

test.skipIf(isSkipped)("a disk that fills while the provider answers costs nothing", async () => {
  await using peer = await startTokenServer();
  using disk = new SmallDisk();
  await using under = new RefreshUnderTest(peer, { parent: disk.path });
  const vault = under.openVault();
  const clock = new TestClock();
  const { id, grant } = await storeGrant(vault, peer);
  await peer.fault("slow-after-commit", { delayMs: 300 });
  const refresher = under.refresher({ vault, clock });
  const refreshing = refresher.refresh(id).catch(() => undefined);
  while ((await peer.ledger()).refreshes === 0) await Bun.sleep(2);
  disk.fill(0);
  const startedMs = performance.now();
  await refreshing;
  // There was room for the answer: its child had not to wait for any.
  expect(performance.now() - startedMs).toBeLessThan(8_000);
  disk.free();
  clock.pass(1_200_000);
  await refresher.refresh(id);
  const family = await peer.family(grant.refresh_token);
  expect(family).toMatchObject({ isAlive: true, reuses: 0 });
  expect(vault.get(id)?.credential).toMatchObject({ refresh: family?.liveRefreshTokens[0] });
});
