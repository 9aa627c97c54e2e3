// Moving to another broker: each grant is in use in one place at most at any moment, whatever fails, and a second
// run finishes what the first began.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createLogger, type Database, loadConfig, Secret } from "#platform";
import type { OAuthCredential } from "#wire";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BrokerClient } from "./client/broker-client.ts";
import { brokerKeys } from "./config.ts";
import { BrokerUnreachable } from "./errors.ts";
import { migrate, type MigrateOptions } from "./migrate.ts";
import { type Broker, startBroker } from "./start.ts";
import { Departures } from "./vault/departures.ts";
import { Vault } from "./vault/vault.ts";

let root: string;
let broker: Broker;
let vault: Vault;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "parley-migrate-"));
  broker = await start("there");
  vault = Vault.open(join(root, "here"));
});

afterEach(async () => {
  vault.close();
  await broker.stop();
  rmSync(root, { recursive: true });
});

function start(name: string): Promise<Broker> {
  const env = { PARLEY_HOME: join(root, name), PARLEY_BROKER_BIND: "127.0.0.1:0" };
  const config = loadConfig({ keys: brokerKeys, env, cwd: root });
  return startBroker({ config, env, log: createLogger({ level: "silent" }) });
}

type Send = (call: () => Promise<Response>, path: string) => Promise<Response>;

/** A client of a broker; `send` stands between the two. */
function clientOf({ url, token }: Broker, send: Send = (call) => call()): BrokerClient {
  const viaFault = (input: string | URL | Request, init?: RequestInit) =>
    send(() => fetch(input, init), new URL(input instanceof Request ? input.url : input).pathname);
  return new BrokerClient({
    url,
    token: new Secret(token),
    fetch: Object.assign(viaFault, { preconnect: fetch.preconnect }),
  });
}

function grant(name: string, more: object = {}): OAuthCredential {
  return {
    type: "oauth",
    access: `access-${name}`,
    refresh: `refresh-${name}`,
    expires: Date.now() + 3_600_000,
    ...more,
  };
}

const move = (options: Partial<MigrateOptions> = {}) =>
  migrate({ vault, client: clientOf(broker), ...options });

/** Provider and outcome of each item, in order. */
async function outcomes(options: Partial<MigrateOptions> = {}) {
  const { items } = await move(options);
  return items.map(({ provider, outcome }) => `${provider} ${outcome}`);
}

const UPLOAD = "/v1/credential";
const there = () => broker.vault.read().credentials;
const here = () => vault.read().credentials;

describe("keys", () => {
  test("are copied and stay; a second run finds them there", async () => {
    vault.upsert("openai", { type: "api_key", key: "k-1" });
    expect(await outcomes()).toEqual(["openai migrated"]);
    const { generation } = broker.vault;
    expect(await outcomes()).toEqual(["openai present"]);
    expect(broker.vault.generation).toBe(generation);
    expect(there()).toMatchObject([{ provider: "openai", credential: { key: "k-1" } }]);
    expect(here()).toHaveLength(1);
  });

  test("of the environment go along when they are offered, if a header can carry them", async () => {
    const environmentKeys = [
      { provider: "groq", variable: "GROQ_API_KEY", key: new Secret("g-1") },
      { provider: "xai", variable: "XAI_API_KEY", key: new Secret("ключ") },
    ];
    expect(await outcomes({ environmentKeys })).toEqual(["groq migrated", "xai refused"]);
    expect(await outcomes({ environmentKeys })).toEqual(["groq present", "xai refused"]);
    expect(here()).toEqual([]);
  });
});

describe("grants", () => {
  test("stay unless they are asked for", async () => {
    vault.upsert("openai", grant("a"));
    const { items } = await move();
    expect(items).toMatchObject([
      { outcome: "skipped", reason: expect.stringContaining("--include-oauth") },
    ]);
    expect(here()).toHaveLength(1);
    expect(there()).toEqual([]);
  });

  test("move, and leave a tombstone without a secret", async () => {
    const { id } = vault.upsert("openai", grant("a", { email: "a@example.test", extra: 7 }));
    expect(await outcomes({ includeOauth: true })).toEqual(["openai migrated"]);
    expect(there()).toMatchObject([
      {
        provider: "openai",
        credential: { refresh: "refresh-a", extra: 7, email: "a@example.test" },
      },
    ]);
    expect(here()).toEqual([]);
    expect(vault.list()).toMatchObject([{ id, disabledCause: "migrated" }]);
    expect(new Departures(vault).all()).toEqual([]);
    expect(await outcomes({ includeOauth: true })).toEqual([]);
  });

  test("that the broker holds already are wiped here, but another login of the account is not", async () => {
    const same = grant("a", { email: "a@example.test" });
    vault.upsert("openai", same);
    vault.upsert("xai", grant("b", { email: "b@example.test" }));
    broker.vault.upsert("openai", same);
    broker.vault.upsert("xai", grant("b-of-its-own", { email: "b@example.test" }));
    const { items } = await move({ includeOauth: true });
    expect(items.map(({ outcome }) => outcome)).toEqual(["present", "present"]);
    expect(items[1]?.reason).toContain("a login of its own");
    expect(here()).toMatchObject([{ provider: "xai" }]);
    expect(there()).toHaveLength(2);
  });

  test("that are being refreshed do not go, and nothing refreshes what goes", async () => {
    const { id } = vault.upsert("openai", grant("a"));
    const { database } = vault.file;
    database
      .prepare(
        `INSERT INTO refresh_attempts
           (credential_id, attempt_id, fence, owner, used_tag, is_retry, started_at_ms, lease_until_ms)
         VALUES (?, 'a', 1, '', x'00', 0, 0, 0)`,
      )
      .run(id);
    const { items } = await move({ includeOauth: true });
    expect(items).toMatchObject([
      { outcome: "skipped", reason: expect.stringContaining("refreshed") },
    ]);
    expect(there()).toEqual([]);
    database.exec("DELETE FROM refresh_attempts");
    const client = clientOf(broker, (call, path) => {
      // While it is sent, no refresher can find it.
      if (path === UPLOAD) expect(here()).toEqual([]);
      return call();
    });
    await migrate({ vault, client, includeOauth: true });
    expect(there()).toHaveLength(1);
  });

  test("of a restored backup do not move before the quarantine is over", async () => {
    vault.upsert("openai", grant("a"));
    vault.quarantine();
    const { items } = await move({ includeOauth: true });
    expect(items).toMatchObject([
      { outcome: "skipped", reason: expect.stringContaining("unquarantine") },
    ]);
    expect(here()).toHaveLength(1);
  });

  test("that another broker holds cannot move", async () => {
    vault.upsert("openai", grant("a", { refresh: "__remote__" }));
    expect(await outcomes({ includeOauth: true })).toEqual(["openai skipped"]);
  });
});

test("a dry run tells the same and changes nothing on either side", async () => {
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  vault.upsert("openai", grant("a"));
  const before = [vault.generation, broker.vault.generation];
  const dry = await outcomes({ includeOauth: true, isDryRun: true });
  expect([vault.generation, broker.vault.generation]).toEqual(before);
  expect(await outcomes({ includeOauth: true })).toEqual(dry);
});

test("a broker that serves this very vault is refused", async () => {
  const own = await start("here");
  try {
    vault.upsert("openai", { type: "api_key", key: "k-1" });
    expect(migrate({ vault, client: clientOf(own) })).rejects.toMatchObject({
      code: "migrate_to_itself",
    });
  } finally {
    await own.stop();
  }
});

describe("when the broker", () => {
  const answer = (status: number) => Response.json({ error: "no" }, { status });

  test("refuses the grant, it is active here again", async () => {
    const { id } = vault.upsert("openai", grant("a"));
    const client = clientOf(broker, async (call, path) => (path === UPLOAD ? answer(403) : call()));
    const { items } = await migrate({ vault, client, includeOauth: true });
    expect(items).toMatchObject([{ outcome: "refused", reason: expect.stringContaining("403") }]);
    expect(here()).toMatchObject([{ id, credential: { refresh: "refresh-a" } }]);
  });

  test("fails in the middle, the grant waits here unused, for this broker alone", async () => {
    vault.upsert("openai", grant("a"));
    const client = clientOf(broker, async (call, path) => (path === UPLOAD ? answer(502) : call()));
    const { items, interruptedBy } = await migrate({ vault, client, includeOauth: true });
    expect(items).toMatchObject([{ outcome: "pending" }]);
    expect(interruptedBy?.message).toContain("502");
    expect(here()).toEqual([]);
    expect(vault.list()[0]?.disabledCause).toBe(`on its way to ${broker.url}`);
    const other = await start("elsewhere");
    try {
      const elsewhere = await migrate({ vault, client: clientOf(other), includeOauth: true });
      expect(elsewhere.items).toMatchObject([
        { outcome: "skipped", reason: expect.stringContaining(broker.url) },
      ]);
      expect(other.vault.read().credentials).toEqual([]);
    } finally {
      await other.stop();
    }
    expect(await outcomes()).toEqual(["openai migrated"]);
    expect(there()).toHaveLength(1);
  });

  test("cannot be reached at all, nothing has happened", async () => {
    vault.upsert("openai", grant("a"));
    const client = clientOf(broker, () => Promise.reject(new TypeError("offline")));
    expect(migrate({ vault, client, includeOauth: true })).rejects.toBeInstanceOf(
      BrokerUnreachable,
    );
    expect(here()).toHaveLength(1);
  });
});

test("a grant that comes back does not push out a newer login", async () => {
  const { id } = vault.upsert("openai", grant("old", { email: "a@example.test" }));
  const departures = new Departures(vault);
  departures.begin(id, "on its way");
  vault.upsert("openai", grant("new", { email: "a@example.test" }));
  departures.cancel(id);
  expect(here()).toMatchObject([{ credential: { refresh: "refresh-new" } }]);
  expect(departures.all()).toEqual([]);
});

test("whichever call to network or database fails, nothing is lost, nothing is doubled, and a second run ends it", async () => {
  let faults = 0;
  for (let step = 0; ; step += 1) {
    const names = ["a", "b", "c"].map((name) => `${name}-${step}`);
    const home = join(root, `here-${step}`);
    vault.close();
    vault = Vault.open(home);
    vault.upsert("openai", { type: "api_key", key: `k-${step}` });
    for (const name of names) {
      // One account has no name, and is known by its tokens alone.
      vault.upsert(
        "xai",
        grant(name, name.startsWith("c") ? {} : { email: `${name}@example.test` }),
      );
    }
    const countdown = { left: step };
    failingStatements(vault.file.database, countdown);
    const client = clientOf(broker, (call) => failing(countdown, call));
    await migrate({ vault, client, includeOauth: true }).catch(() => undefined);
    const hasFired = countdown.left < 0;
    if (hasFired) faults += 1;
    // As after a crash: what counts is what the file says.
    vault.close();
    vault = Vault.open(home);
    const wanted = names.map((name) => `refresh-${name}`);
    const arrived = () => refreshTokens(there()).filter((token) => wanted.includes(token));
    const active = refreshTokens(here());
    const departing = refreshTokens(new Departures(vault).all());
    expect(active.filter((token) => arrived().includes(token))).toEqual([]);
    expect([...new Set([...active, ...departing, ...arrived()])].toSorted()).toEqual(wanted);
    await move({ includeOauth: true });
    expect(arrived().toSorted()).toEqual(wanted);
    expect(refreshTokens(here())).toEqual([]);
    expect(new Departures(vault).all()).toEqual([]);
    const keys = there().filter(
      ({ credential }) => "key" in credential && credential.key === `k-${step}`,
    );
    expect(keys).toHaveLength(1);
    const grants = vault.list().filter(({ type }) => type === "oauth");
    expect(grants.map(({ disabledCause }) => disabledCause)).toEqual(grants.map(() => "migrated"));
    if (!hasFired) break;
  }
  expect(faults).toBeGreaterThan(30);
}, 60_000);

interface Countdown {
  left: number;
}

/** Throws at the chosen step: a call fails before it is sent at even steps, and its answer is lost at odd ones. */
async function failing(countdown: Countdown, call: () => Promise<Response>): Promise<Response> {
  if (countdown.left-- === 0) throw new TypeError("fault before sending");
  const response = await call();
  if (countdown.left-- === 0) throw new TypeError("fault after sending");
  return response;
}

/** Lets the statements of an open database fail at the chosen step. */
function failingStatements(database: Database, countdown: Countdown): void {
  const prepare = database.prepare.bind(database);
  const prepareFailing = (sql: string) => {
    const statement = prepare(sql);
    for (const method of ["run", "get", "all"] as const) {
      const original: (...values: unknown[]) => unknown = statement[method].bind(statement);
      const wrapped = (...values: unknown[]) => {
        if (countdown.left-- === 0) throw new Error("fault in the database");
        return original(...values);
      };
      Object.defineProperty(statement, method, { value: wrapped });
    }
    return statement;
  };
  Object.defineProperty(database, "prepare", { value: prepareFailing });
}

function refreshTokens(
  rows: readonly { readonly credential: { readonly type: string } }[],
): string[] {
  return rows.flatMap(({ credential }) =>
    "refresh" in credential && typeof credential.refresh === "string" ? [credential.refresh] : [],
  );
}
