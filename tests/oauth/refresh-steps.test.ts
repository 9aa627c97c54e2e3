// A refresh in which the k-th step fails, for every k until none does: SQL, files of the spool, the child. Whoever
// tries again, this broker or one that starts anew, finds a grant that works and whose token was used once.

import type { Database } from "#platform";
import { expect, test } from "bun:test";
import { RefreshAttempts } from "../../broker/refresh/refresh-attempts.ts";
import { Spool } from "../../broker/refresh/spool.ts";
import { Vault } from "../../broker/vault/vault.ts";
import { exchangeHere, RefreshUnderTest, storeGrant, TestClock } from "./refresh-under-test.ts";
import { startTokenServer } from "./token-server.ts";

const SPOOL_STEPS = ["prepare", "withdraw", "stateOf", "senderOf", "answerOf", "remove"] as const;
const SQL_STEPS = ["run", "get", "all", "iterate"] as const;

/** Counts steps and fails the chosen one; after a crash, every one that follows. */
class FaultAtStep implements Disposable {
  isArmed = false;
  failAt = 0;
  isCrash = false;
  steps = 0;
  readonly #undo: (() => void)[] = [];

  constructor(database: Database) {
    const statement = Object.getPrototypeOf(database.prepare("SELECT 1")) as object;
    for (const name of SQL_STEPS) this.#intercept(statement, name);
    for (const name of SPOOL_STEPS) this.#intercept(Spool.prototype, name);
  }

  step(): void {
    if (!this.isArmed) return;
    this.steps += 1;
    if (this.steps === this.failAt || (this.isCrash && this.steps > this.failAt)) {
      throw new Error(`step ${this.steps} fails`);
    }
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo) undo();
  }

  #intercept(target: object, name: string): void {
    const descriptor = Object.getOwnPropertyDescriptor(target, name);
    const original: unknown = descriptor?.value;
    if (!descriptor || typeof original !== "function") throw new Error(`there is no ${name}`);
    const step = () => this.step();
    const value = function (this: unknown, ...args: unknown[]): unknown {
      step();
      return Reflect.apply(original, this, args);
    };
    Object.defineProperty(target, name, { ...descriptor, value });
    this.#undo.push(() => Object.defineProperty(target, name, descriptor));
  }
}

test.each([
  ["fails", false],
  ["is the last one before a crash", true],
])(
  "whichever step of a refresh %s, the grant lives and its token was used once",
  async (_name, isCrash) => {
    await using peer = await startTokenServer();
    await using under = new RefreshUnderTest(peer);
    const vault = under.openVault();
    const attempts = new RefreshAttempts(vault.file.database);
    using fault = new FaultAtStep(vault.file.database);
    for (let k = 1; ; k += 1) {
      const { id, grant } = await storeGrant(vault, peer);
      const clock = new TestClock();
      const own = isCrash ? Vault.open(under.home) : vault;
      const refresher = under.refresher({
        vault: own,
        clock,
        spawnExchange: (job, env) => {
          fault.step();
          return exchangeHere(job, env);
        },
      });
      Object.assign(fault, { isArmed: true, failAt: k, isCrash, steps: 0 });
      const result = await refresher.refresh(id).catch((error: Error) => error);
      fault.isArmed = false;
      const { steps } = fault;
      // What a dead process had not committed is undone.
      if (isCrash) own.close();
      // The lease of the dead ends, and so does any pause.
      clock.pass(1_200_000);
      const survivor = isCrash
        ? under.refresher({ vault, clock, spawnExchange: exchangeHere })
        : refresher;
      await survivor.refresh(id);
      const family = await peer.family(grant.refresh_token);
      expect({ k, ...family }).toMatchObject({ k, isAlive: true, reuses: 0 });
      expect(vault.get(id)?.credential).toMatchObject({ refresh: family?.liveRefreshTokens[0] });
      expect(attempts.find(id)).toBeUndefined();
      if (steps < k) {
        expect(result).not.toBeInstanceOf(Error);
        expect(k).toBeGreaterThan(20);
        return;
      }
    }
  },
);
