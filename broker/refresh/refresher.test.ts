// Single flight in one process, under every order of callers, aborts and answers that a scheduler can think of;
// and what a start finds of those who died.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "#platform";
import type { OAuthCredential } from "#wire";
import { Vault } from "../vault/vault.ts";
import type { ExchangeAnswer, ExchangeJob } from "./exchange-job.ts";
import { ownIdentity } from "./process-identity.ts";
import { RefreshAttempts } from "./refresh-attempts.ts";
import { Refresher, type RefresherOptions } from "./refresher.ts";
import { STALE_SPOOL_MS } from "./spool.ts";
import { spoolPath } from "./spool-files.ts";
import { sealAnswer } from "./spool-seal.ts";
import { SpoolWriter } from "./spool-writer.ts";

let home: string;
let vault: Vault;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "parley-refresher-"));
  vault = Vault.open(home);
});

afterAll(() => {
  vault.close();
  rmSync(home, { recursive: true });
});

/** A provider that rotates strictly: a token that comes twice ends the grant. */
class StrictProvider {
  readonly used: string[] = [];

  answer(job: ExchangeJob): ExchangeAnswer {
    const refresh = new URLSearchParams(job.request.body).get("refresh_token") ?? "";
    const isReused = this.used.includes(refresh);
    this.used.push(refresh);
    const tokens = { access_token: `${refresh}.a`, refresh_token: `${refresh}+`, expires_in: 60 };
    const body = JSON.stringify(isReused ? { error: "invalid_grant" } : tokens);
    return {
      kind: "answered",
      receivedAtMs: Date.now(),
      status: isReused ? 400 : 200,
      contentType: "application/json",
      retryAfter: null,
      body: Buffer.from(body).toString("base64"),
      cut: null,
    };
  }
}

function store(job: ExchangeJob, answer: ExchangeAnswer, spool: SpoolWriter): void {
  const key = Buffer.from(job.spoolKey, "base64");
  spool.put(sealAnswer(JSON.stringify(answer), key, job.attemptId));
}

function upload(refresh: string, expires = 0): number {
  const own = { tokenUrl: "https://auth.example.test/token", clientId: "c" };
  const credential: OAuthCredential = { type: "oauth", access: "a", refresh, expires, ...own };
  return vault.upsert("mcp_oauth:profile:default:https://mcp.example.test", credential).id;
}

function refresherOver(options: Partial<RefresherOptions>): Refresher {
  const log = createLogger({ level: "silent" });
  return new Refresher({ vault, home, env: {}, providers: () => undefined, log, ...options });
}

test("callers in any order, some leaving, cause one exchange, and those who stay get its token", async () => {
  const callers = fc.array(fc.record({ leaves: fc.boolean() }), { minLength: 2, maxLength: 8 });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), callers, async (scheduler, callers) => {
      const provider = new StrictProvider();
      const id = upload(`r${round++}-${crypto.randomUUID()}`);
      let spawned = 0;
      const refresher = refresherOver({
        spawnExchange: (job) => {
          spawned += 1;
          const spool = new SpoolWriter(job.directory, job.attemptId);
          const exchange = async () => {
            await scheduler.schedule(Promise.resolve(), "starts");
            spool.reserve();
            if (!spool.claim(ownIdentity())) return;
            const answer = provider.answer(job);
            await scheduler.schedule(Promise.resolve(), "answers");
            store(job, answer, spool);
          };
          return { exited: exchange(), letGo: () => {} };
        },
      });
      const calls = callers.map(async ({ leaves }, index) => {
        const leaving = new AbortController();
        await scheduler.schedule(Promise.resolve(), `caller ${index}`);
        const call = refresher.refresh(id, { signal: leaving.signal });
        if (leaves) {
          void scheduler.schedule(Promise.resolve(), `leaves ${index}`).then(() => leaving.abort());
        }
        return call.then(
          ({ credential }) => credential,
          (error: unknown) => {
            if (!leaving.signal.aborted) throw error;
            return undefined;
          },
        );
      });
      const got = await scheduler.waitFor(Promise.all(calls));
      await scheduler.waitFor(refresher.stop());
      expect(spawned).toBe(1);
      expect(provider.used).toHaveLength(1);
      const stored = vault.get(id)?.credential;
      expect(stored).toMatchObject({ refresh: `${provider.used[0]}+` });
      expect(
        got.filter((each) => each !== undefined).every((each) => Bun.deepEquals(each, stored)),
      ).toBe(true);
    }),
    { numRuns: 60 },
  );
});

describe("what a start finds of a broker that died", () => {
  const DEAD = { place: ownIdentity().place, pid: 1, started: "never" };

  /** An attempt whose owner, and sender if it was sent, are gone. */
  function leftBehind(state: "nothing" | "ready" | "sent"): { id: number; attemptId: string } {
    const attemptId = crypto.randomUUID();
    const id = upload(`left-over-${attemptId}`, Date.now() + 3_600_000);
    const directory = join(home, "refresh");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const credential = vault.get(id)?.credential;
    const refresh = credential?.type === "oauth" ? credential.refresh : "";
    new RefreshAttempts(vault.file.database).begin({
      credentialId: id,
      attemptId,
      owner: JSON.stringify({ ...DEAD, instance: "another" }),
      usedTag: vault.file.index.fingerprint(refresh),
      isRetry: 0,
      startedAtMs: Date.now(),
      leaseUntilMs: Date.now() + 60_000,
    });
    if (state !== "nothing") {
      const text = JSON.stringify(DEAD);
      writeFileSync(spoolPath(directory, attemptId, state), text, { mode: 0o600 });
    }
    return { id, attemptId };
  }

  async function exchangesOf(id: number, provider = new StrictProvider()): Promise<number> {
    const refresher = refresherOver({
      spawnExchange: (job) => {
        const spool = new SpoolWriter(job.directory, job.attemptId);
        spool.reserve();
        if (spool.claim(ownIdentity())) store(job, provider.answer(job), spool);
        return { exited: Promise.resolve(), letGo: () => {} };
      },
    });
    await refresher.refresh(id);
    await refresher.stop();
    return provider.used.length;
  }

  test.each(["nothing", "ready"] as const)(
    "an attempt that was never sent (%s) costs nothing",
    async (state) => {
      const { id } = leftBehind(state);
      expect(await exchangesOf(id)).toBe(1);
      expect(new RefreshAttempts(vault.file.database).health(id)).toMatchObject({
        failures: 0,
        isLost: 0,
      });
    },
  );

  test("an attempt whose answer is lost is followed by one use of the same token, marked as such", async () => {
    const { id, attemptId } = leftBehind("sent");
    const retries: number[] = [];
    const attempts = new RefreshAttempts(vault.file.database);
    const provider = new StrictProvider();
    const answer = provider.answer.bind(provider);
    provider.answer = (job) => {
      retries.push(attempts.find(id)?.isRetry ?? -1);
      return answer(job);
    };
    expect(await exchangesOf(id, provider)).toBe(1);
    expect(retries).toEqual([1]);
    expect(readdirSync(join(home, "refresh")).join()).not.toContain(attemptId);
  });

  test("an attempt on a credential that was removed meanwhile is ended by the next sweep", async () => {
    const { id, attemptId } = leftBehind("sent");
    vault.disable(id, "logged out");
    const refresher = refresherOver({});
    await refresher.sweep();
    await refresher.stop();
    expect(new RefreshAttempts(vault.file.database).find(id)).toBeUndefined();
    expect(readdirSync(join(home, "refresh")).join()).not.toContain(attemptId);
  });

  test("a token whose answer was lost is used again by the next sweep, however fresh it is", async () => {
    const { id, attemptId } = leftBehind("sent");
    const attempts = new RefreshAttempts(vault.file.database);
    const open = attempts.find(id);
    const tag = open?.usedTag ?? null;
    if (open) attempts.end(open);
    attempts.recordSuccess(id, Date.now());
    const lost = { failures: 0, retryAtMs: null, lastError: "lost", isLost: 1 };
    attempts.recordFailure({ credentialId: id, tag, ...lost });
    const asked: string[] = [];
    const refresher = refresherOver({
      spawnExchange: (job) => {
        asked.push(job.request.body);
        return { exited: Promise.resolve(), letGo: () => {} };
      },
    });
    await refresher.sweep();
    await refresher.stop();
    expect(asked.filter((body) => body.includes(`left-over-${attemptId}`))).toHaveLength(1);
  });

  test("old files of attempts that nobody knows are removed, young ones and known ones stay", async () => {
    const directory = join(home, "refresh");
    const known = leftBehind("sent").attemptId;
    const old = new Date(Date.now() - STALE_SPOOL_MS - 1000);
    for (const name of ["young", "old", known]) {
      writeFileSync(spoolPath(directory, name, "answer"), "x", { mode: 0o600 });
      if (name !== "young") utimesSync(spoolPath(directory, name, "answer"), old, old);
    }
    const refresher = refresherOver({});
    refresher.start();
    await refresher.stop();
    const left = readdirSync(directory);
    expect(left).toContain("young.answer");
    expect(left).toContain(`${known}.answer`);
    expect(left).not.toContain("old.answer");
  });
});
