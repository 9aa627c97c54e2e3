// A remote vault keeps up with its broker, survives its absence, and never writes.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, Secret } from "#platform";
import { LEASED_KEY, type OAuthCredential } from "#wire";
import { BrokerError, BrokerRefused, BrokerUnreachable } from "../errors.ts";
import { FIRST_NEWS_WAIT_MS, RemoteVault, type RemoteVaultOptions } from "./remote-vault.ts";
import { SCRIPTED_TOKEN, ScriptedBroker, until } from "./scripted-broker.ts";
import { SnapshotCache } from "./snapshot-cache.ts";

const KEY = { type: "api_key", key: "sk-canary-0123456789" } as const;
const HOUR_MS = 3_600_000;

let home: string;
let broker: ScriptedBroker;
let lines: string[];
const vaults: RemoteVault[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-remote-vault-"));
  broker = new ScriptedBroker();
  lines = [];
});

afterEach(async () => {
  await Promise.all(vaults.splice(0).map((vault) => vault.stop()));
  await broker.stop();
  expect(lines.join("")).not.toContain("canary");
  rmSync(home, { recursive: true });
});

const log = createLogger({ level: "debug", write: (line) => lines.push(line) });

async function open({
  isLeaseOnly = false,
  ...options
}: Partial<RemoteVaultOptions> & { isLeaseOnly?: boolean } = {}): Promise<RemoteVault> {
  const vault = await RemoteVault.open(broker.client({ isLeaseOnly }), {
    log,
    random: () => 0.5,
    ...options,
  });
  vaults.push(vault);
  return vault;
}

function cacheOf(options: { isLeaseOnly?: boolean; nowMs?: () => number } = {}): SnapshotCache {
  const token = new Secret(SCRIPTED_TOKEN);
  const path = join(home, "snapshot.enc");
  return new SnapshotCache({ path, token, url: broker.url, isLeaseOnly: false, log, ...options });
}

function grant(access: string, expires = Date.now() + HOUR_MS): OAuthCredential {
  return { type: "oauth", refresh: "__remote__", access, expires };
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Passes every pause at once, but waits for the first news as long as it takes. */
async function hurry(ms: number, signal: AbortSignal): Promise<void> {
  if (ms !== FIRST_NEWS_WAIT_MS) return void (await Bun.sleep(1));
  if (signal.aborted) return;
  await new Promise<void>((end) => signal.addEventListener("abort", () => end(), { once: true }));
}

/** A script that holds one route until it is let go, and says when it was asked. */
function held(route: RegExp, answer: () => Response) {
  const gate = Promise.withResolvers<void>();
  broker.script = ({ path }) => (route.test(path) ? gate.promise.then(answer) : undefined);
  return gate;
}

describe("following", () => {
  test("brings changes by the stream, without being asked for", async () => {
    broker.put(1, "openai", KEY);
    const vault = await open();
    expect(vault.credentials("openai")).toEqual([KEY]);
    expect(vault.credentials("nobody")).toEqual([]);
    broker.put(2, "openai", { type: "api_key", key: "k-2" });
    broker.remove(1);
    await until(() => vault.generation === broker.generation);
    expect(vault.entries("openai").map(({ id }) => id)).toEqual([2]);
    expect(broker.of("GET", "/v1/snapshot")).toHaveLength(1);
  });

  test("goes on by long-poll where there is no stream", async () => {
    broker.put(1, "openai", KEY);
    broker.script = ({ path, headers }) => {
      if (path === "/v1/snapshot/stream")
        return Response.json({ error: "No route" }, { status: 404 });
      const isKnown = headers.get("if-none-match") === `"${broker.generation}"`;
      return isKnown ? new Response(null, { status: 304 }) : undefined;
    };
    const vault = await open();
    broker.remove(1);
    await until(() => vault.generation === broker.generation);
    expect(vault.credentials("openai")).toEqual([]);
    expect(broker.of("GET", "/v1/snapshot/stream")).toHaveLength(1);
  });

  test("serves on while the broker is away, and says so once; reconciles when it is back", async () => {
    broker.put(1, "openai", KEY);
    const vault = await open({ sleep: hurry });
    await until(() => broker.followers === 1);
    await broker.stop();
    await until(() => lines.some((line) => line.includes("still of no use")));
    expect(vault.credentials("openai")).toEqual([KEY]);
    broker.remove(1);
    broker.start();
    await until(() => vault.credentials("openai").length === 0);
    expect(lines.filter((line) => line.includes("serving what was last known"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("followed again"))).toHaveLength(1);
  });

  test("needs a first snapshot", async () => {
    await broker.stop();
    expect(await failure(open())).toBeInstanceOf(BrokerUnreachable);
  });
});

describe("the cache", () => {
  test("starts a client while the broker is down, which reconciles when it returns", async () => {
    broker.put(1, "openai", KEY);
    broker.put(2, "anthropic", grant("access-1"));
    await (await open({ cache: cacheOf() })).stop();
    await broker.stop();
    const vault = await open({ cache: cacheOf(), sleep: hurry });
    expect(vault.credentials("openai")).toEqual([KEY]);
    expect(vault.credentials("anthropic")).toMatchObject([{ access: "access-1" }]);
    await until(() => lines.some((line) => line.includes("serving what was last known")));
    expect(lines.some((line) => line.includes("starting with the cached snapshot"))).toBe(true);
    broker.remove(1);
    broker.put(2, "anthropic", grant("access-2"));
    broker.start();
    await until(() => vault.generation === broker.generation);
    expect(vault.credentials("openai")).toEqual([]);
    expect(vault.credentials("anthropic")).toMatchObject([{ access: "access-2" }]);
    await vault.stop();
    expect(cacheOf().read()?.generation).toBe(broker.generation);
  });

  test("spares the first question, and is believed only until the broker speaks", async () => {
    broker.put(1, "openai", KEY);
    await (await open({ cache: cacheOf() })).stop();
    const asked = broker.of("GET", "/v1/snapshot").length;
    broker.generation = 1;
    broker.remove(1);
    const vault = await open({ cache: cacheOf() });
    await until(() => vault.credentials("openai").length === 0);
    expect(broker.of("GET", "/v1/snapshot")).toHaveLength(asked);
    const resumed = broker
      .of("GET", "/v1/snapshot/stream")
      .map(({ headers }) => headers.get("last-event-id"));
    expect(resumed).toContain(null);
  });

  test("that is too old is no reason to start without the broker", async () => {
    broker.put(1, "openai", KEY);
    await (await open({ cache: cacheOf() })).stop();
    await broker.stop();
    const cache = cacheOf({ nowMs: () => Date.now() + HOUR_MS });
    expect(await failure(open({ cache }))).toBeInstanceOf(BrokerUnreachable);
  });
});

describe("a refresh", () => {
  test("is one call for everyone who asks, and its answer is there for the next", async () => {
    broker.put(1, "anthropic", grant("access-1"));
    const vault = await open();
    const row = { id: 1, provider: "anthropic", identityKey: null };
    const answer = { entry: { ...row, credential: grant("access-2", Date.now() + 2 * HOUR_MS) } };
    const gate = held(/refresh$/, () => Response.json(answer));
    const asked = [vault.refresh(1), vault.refresh(1), vault.refresh(1)];
    await until(() => broker.of("POST", "/v1/credential/1/refresh").length === 1);
    gate.resolve();
    for (const entry of await Promise.all(asked)) {
      expect(entry.credential).toMatchObject({ access: "access-2" });
    }
    expect(vault.credentials("anthropic")).toMatchObject([{ access: "access-2" }]);
    expect(broker.of("POST", "/v1/credential/1/refresh")).toHaveLength(1);
  });

  test("that a caller gives up goes on for the others", async () => {
    broker.put(1, "anthropic", grant("access-1"));
    const vault = await open();
    const gate = held(/refresh$/, () =>
      Response.json({
        entry: { id: 1, provider: "anthropic", identityKey: null, credential: grant("access-2") },
      }),
    );
    const leaving = new AbortController();
    const left = failure(vault.refresh(1, { signal: leaving.signal }));
    const stayed = vault.refresh(1);
    leaving.abort(new Error("enough"));
    expect(await left).toMatchObject({ message: "enough" });
    gate.resolve();
    expect((await stayed).credential).toMatchObject({ access: "access-2" });
  });

  test("answered late does not undo what the stream has brought meanwhile", async () => {
    broker.put(1, "anthropic", grant("access-1", 1_000));
    const vault = await open();
    const late = {
      id: 1,
      provider: "anthropic",
      identityKey: null,
      credential: grant("access-2", 2_000),
    };
    const gate = held(/refresh$/, () => Response.json({ entry: late }));
    const asked = vault.refresh(1);
    broker.put(1, "anthropic", grant("access-3", 3_000));
    await until(() => vault.generation === broker.generation);
    gate.resolve();
    await asked;
    expect(vault.credentials("anthropic")).toMatchObject([{ access: "access-3" }]);
    const again = held(/refresh$/, () => Response.json({ entry: late }));
    const removed = vault.refresh(1);
    broker.remove(1);
    await until(() => vault.generation === broker.generation);
    again.resolve();
    await removed;
    expect(vault.credentials("anthropic")).toEqual([]);
  });

  test("happens before an expired access token is used, and only then", async () => {
    broker.put(1, "anthropic", grant("old", Date.now() + 10_000));
    broker.put(2, "anthropic", grant("good"));
    const vault = await open();
    broker.script = ({ path }) =>
      path.endsWith("/refresh")
        ? Response.json({
            entry: { id: 1, provider: "anthropic", identityKey: null, credential: grant("new") },
          })
        : undefined;
    expect(await vault.fresh(1)).toMatchObject({ access: "new" });
    expect(await vault.fresh(1)).toMatchObject({ access: "new" });
    expect(await vault.fresh(2)).toMatchObject({ access: "good" });
    expect(broker.seen.filter(({ path }) => path.endsWith("/refresh"))).toHaveLength(1);
    expect(await failure(vault.fresh(9))).toMatchObject({ code: "credential_unknown" });
  });

  test("that the broker refuses keeps its status and code", async () => {
    broker.put(1, "openai", KEY);
    const vault = await open();
    broker.script = ({ path }) =>
      path.endsWith("/refresh")
        ? Response.json(
            { error: "an API key has nothing to refresh", code: "not_oauth" },
            { status: 409 },
          )
        : undefined;
    const error = await failure(vault.refresh(1));
    expect(error).toBeInstanceOf(BrokerRefused);
    expect(error).toMatchObject({ status: 409, code: "not_oauth" });
  });

  test("of another row than the one asked for is no answer", async () => {
    broker.put(1, "anthropic", grant("access-1"));
    const vault = await open();
    const row = { id: 2, provider: "anthropic", identityKey: null, credential: grant("access-2") };
    broker.script = ({ path }) =>
      path.endsWith("/refresh") ? Response.json({ entry: row }) : undefined;
    expect(await failure(vault.refresh(1))).toMatchObject({ code: "broker_protocol" });
    expect(vault.credentials("anthropic")).toMatchObject([{ access: "access-1" }]);
  });

  test("judges expiry by the broker's clock", async () => {
    const aheadMs = 2 * HOUR_MS;
    broker.nowMs = () => Date.now() + aheadMs;
    broker.put(1, "anthropic", grant("expired there", Date.now() + HOUR_MS));
    const vault = await open();
    await vault.fresh(1);
    expect(broker.of("POST", "/v1/credential/1/refresh")).toHaveLength(1);
  });
});

describe("a change through the broker", () => {
  test("blocks, lifts and disables at once, without waiting for the stream", async () => {
    broker.put(1, "openai", KEY);
    const vault = await open();
    const block = { providerKey: "openai", blockScope: "all", blockedUntilMs: 5 };
    await vault.block(1, { ...block, blockedUntilMs: 4 });
    await vault.block(1, block);
    expect(vault.entries("openai")[0]?.blocks).toEqual([block]);
    await vault.clearBlocks(1);
    expect(vault.entries("openai")[0]?.blocks).toBeUndefined();
    await vault.disable(1, { cause: "by hand" });
    expect(vault.credentials("openai")).toEqual([]);
    const bodies = broker.seen
      .filter(({ path }) => path.startsWith("/v1/credential/"))
      .map(({ method, body }) => [method, body]);
    expect(bodies.at(1)).toEqual(["POST", JSON.stringify(block)]);
    expect(bodies.at(2)).toEqual(["DELETE", ""]);
    expect(bodies.at(3)).toEqual(["POST", '{"cause":"by hand"}']);
  });

  test("to the vault itself is refused with the command that may", async () => {
    const vault = await open();
    for (const [attempt, command] of [
      [vault.upsert("openai"), "agent auth-broker login openai"],
      [vault.replace("openai"), "agent auth-broker login openai"],
      [vault.deleteProvider("openai"), "agent auth-broker logout openai"],
    ] as const) {
      const error = await failure(attempt);
      expect(error).toBeInstanceOf(BrokerError);
      expect(error).toMatchObject({ code: "remote_vault_read_only" });
      expect((error as BrokerError).fix).toContain(command);
    }
  });
});

describe("a lease-only client", () => {
  test("has its keys when it opens, and none of them on disk", async () => {
    broker.put(1, "openai", KEY);
    const cache = cacheOf({ isLeaseOnly: true });
    const vault = await open({ isLeaseOnly: true, cache });
    expect(vault.credentials("openai")).toEqual([KEY]);
    expect(await vault.fresh(1)).toEqual(KEY);
    await vault.stop();
    expect(cacheOf({ isLeaseOnly: true }).read()?.credentials[0]?.credential).toEqual({
      type: "api_key",
      key: LEASED_KEY,
    });
    expect(existsSync(join(home, "snapshot.enc"))).toBe(true);
    expect(readFileSync(join(home, "snapshot.enc")).toString("latin1")).not.toContain("canary");
  });

  test("renews a lease before it ends, and asks nobody's leave to use it", async () => {
    const pauses: number[] = [];
    broker.put(1, "openai", KEY);
    broker.leaseMs = 60_000;
    const vault = await open({
      isLeaseOnly: true,
      sleep: async (ms, signal) => {
        pauses.push(ms);
        if (pauses.length > 5)
          await new Promise<void>((end) => signal.addEventListener("abort", () => end()));
      },
    });
    await until(() => pauses.length > 5);
    const renewals = pauses.filter((ms) => ms > 10_000);
    for (const ms of renewals) expect(ms).toBeWithin(30_000, 45_001);
    expect(broker.of("POST", "/v1/credential/1/lease").length).toBeGreaterThanOrEqual(
      renewals.length,
    );
    expect(vault.credentials("openai")).toEqual([KEY]);
  });

  test("loses a key whose lease ends while the broker is down, and has it again after", async () => {
    let nowMs = 1_000_000;
    broker.put(1, "openai", KEY);
    broker.nowMs = () => nowMs;
    const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
    const vault = await open({
      isLeaseOnly: true,
      clock,
      sleep: hurry,
    });
    expect(vault.credentials("openai")).toEqual([KEY]);
    await broker.stop();
    expect(vault.credentials("openai")).toEqual([KEY]);
    nowMs += broker.leaseMs;
    expect(vault.credentials("openai")).toEqual([]);
    expect(await failure(vault.fresh(1))).toBeInstanceOf(BrokerUnreachable);
    broker.start();
    await until(() => vault.credentials("openai").length === 1);
  });

  test("takes no lease that was asked for before its row changed", async () => {
    broker.put(1, "openai", KEY);
    const vault = await open({ isLeaseOnly: true });
    await until(() => broker.followers === 1);
    const row = {
      id: 1,
      provider: "openai",
      credential: { type: "api_key", key: "sk-canary-old" },
    };
    const lease = { ...row, leasedUntilMs: Date.now() + HOUR_MS };
    let asked = 0;
    const gate = Promise.withResolvers<void>();
    const isAnswered = Promise.withResolvers<void>();
    broker.script = ({ path }) => {
      if (!path.endsWith("/lease") || asked++ > 0) return undefined;
      return gate.promise.then(() => {
        setImmediate(isAnswered.resolve);
        return Response.json({ lease });
      });
    };
    broker.put(1, "openai", { type: "api_key", key: "sk-canary-old" });
    await until(() => asked === 1);
    broker.put(1, "openai", { type: "api_key", key: "sk-canary-new" });
    await until(() => JSON.stringify(vault.credentials("openai")).includes("canary-new"));
    gate.resolve();
    await isAnswered.promise;
    await broker
      .client()
      .healthz()
      .catch(() => {});
    expect(vault.credentials("openai")).toMatchObject([{ key: "sk-canary-new" }]);
  });

  test("leases a key anew when its row changes", async () => {
    broker.put(1, "openai", KEY);
    const vault = await open({ isLeaseOnly: true });
    await until(() => broker.followers === 1);
    broker.put(1, "openai", { type: "api_key", key: "sk-canary-second" });
    await until(() => broker.of("POST", "/v1/credential/1/lease").length === 2);
    await until(() => JSON.stringify(vault.credentials("openai")).includes("second"));
    broker.remove(1);
    await until(() => vault.credentials("openai").length === 0);
  });

  test.each([
    ["another row's key", { id: 2, provider: "openai", credential: KEY, leasedUntilMs: 9e15 }],
    [
      "a mark",
      { id: 1, provider: "openai", credential: { ...KEY, key: LEASED_KEY }, leasedUntilMs: 9e15 },
    ],
    ["a lease that is over", { id: 1, provider: "openai", credential: KEY, leasedUntilMs: 1 }],
  ])("does not take %s for its key", async (_name, lease) => {
    broker.put(1, "openai", KEY);
    broker.script = ({ path }) => (path.endsWith("/lease") ? Response.json({ lease }) : undefined);
    const vault = await open({ isLeaseOnly: true });
    expect(vault.credentials("openai")).toEqual([]);
    expect(lines.some((line) => line.includes("could not be leased"))).toBe(true);
  });

  test("uses whole keys of a broker that knows no leases", async () => {
    broker.put(1, "openai", KEY);
    const whole = broker.snapshot();
    broker.script = ({ path }) =>
      path === "/v1/snapshot/stream"
        ? Response.json({ error: "No route" }, { status: 404 })
        : Response.json(whole);
    const vault = await open({ isLeaseOnly: true });
    expect(vault.credentials("openai")).toEqual([KEY]);
  });

  test("opens from its cache without keys when the broker is down, and has them once it is back", async () => {
    broker.put(1, "openai", KEY);
    broker.put(2, "anthropic", grant("access-1"));
    await (await open({ isLeaseOnly: true, cache: cacheOf({ isLeaseOnly: true }) })).stop();
    await broker.stop();
    const vault = await open({
      isLeaseOnly: true,
      cache: cacheOf({ isLeaseOnly: true }),
      sleep: hurry,
    });
    expect(vault.credentials("openai")).toEqual([]);
    expect(vault.credentials("anthropic")).toHaveLength(1);
    broker.start();
    await until(() => vault.credentials("openai").length === 1);
  });
});
