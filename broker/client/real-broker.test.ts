// The client against the real broker, in one process: socket, stream, resume, leases, restarts.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type Environment, loadConfig, Secret } from "#platform";
import { LEASED_KEY } from "#wire";
import { brokerKeys } from "../config.ts";
import { BrokerUnauthorized } from "../errors.ts";
import { type Broker, startBroker } from "../start.ts";
import { BrokerClient } from "./broker-client.ts";
import { localBrokerUrl, openSnapshotCache } from "./connection.ts";
import { RemoteVault, type RemoteVaultOptions } from "./remote-vault.ts";
import { until } from "./scripted-broker.ts";

const KEY_1 = { type: "api_key", key: "sk-canary-1-0123456789" } as const;
const KEY_2 = { type: "api_key", key: "sk-canary-2-0123456789" } as const;

let home: string;
let env: Environment;
let broker: Broker;
let url: string;
let lines: string[];
const vaults: RemoteVault[] = [];

const log = createLogger({ level: "debug", write: (line) => lines.push(line) });
const config = () => loadConfig({ keys: brokerKeys, env, cwd: home });
const start = () => startBroker({ config: config(), env, log: createLogger({ level: "silent" }) });

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "parley-real-"));
  env = { PARLEY_HOME: home, PARLEY_BROKER_BIND: "127.0.0.1:0" };
  lines = [];
  broker = await start();
  url = localBrokerUrl(config(), env);
});

afterEach(async () => {
  await Promise.all(vaults.splice(0).map((vault) => vault.stop()));
  await broker.stop();
  expect(lines.join("")).not.toContain("canary");
  rmSync(home, { recursive: true });
});

function clientOf({ isLeaseOnly = false }: { isLeaseOnly?: boolean } = {}): BrokerClient {
  return new BrokerClient({ url, token: new Secret(broker.token), isLeaseOnly });
}

async function open(
  client: BrokerClient,
  options: Partial<RemoteVaultOptions> = {},
): Promise<RemoteVault> {
  const vault = await RemoteVault.open(client, { log, ...options });
  vaults.push(vault);
  return vault;
}

/** Leaves a broker that is away alone for a moment only. */
const impatient = (ms: number, signal: AbortSignal) =>
  signal.aborted ? Promise.resolve() : Bun.sleep(Math.min(ms, 5));

test("this host's broker is found at its socket, and says how it is", async () => {
  expect(url).toStartWith("unix:");
  expect(await clientOf().healthz()).toMatchObject({ ok: true });
  const wrong = new BrokerClient({ url, token: new Secret("plb_wrong-0123456789") });
  await expect(wrong.snapshot()).rejects.toThrow(BrokerUnauthorized);
});

describe("a remote vault", () => {
  test("hears of every change in order, and of each once", async () => {
    const vault = await open(clientOf());
    const ids: number[] = [];
    for (let i = 0; i < 50; i++) {
      const { id } = broker.vault.upsert("openai", {
        type: "api_key",
        key: `sk-canary-${i}-0123456789`,
      });
      ids.push(id);
    }
    await until(() => vault.generation === broker.vault.generation);
    for (const id of ids.slice(0, 20)) broker.vault.disable(id, "test");
    await until(() => vault.generation === broker.vault.generation);
    expect(vault.entries("openai").map(({ id }) => id)).toEqual(ids.slice(20));
    expect(lines.join("")).not.toContain("cannot be followed");
  });

  test("resumes after a restart of its broker with what changed meanwhile", async () => {
    const { id } = broker.vault.upsert("openai", KEY_1);
    const vault = await open(clientOf(), { sleep: impatient });
    await until(() => vault.generation === broker.vault.generation);
    await broker.stop();
    await until(() => lines.some((line) => line.includes("cannot be followed")));
    expect(vault.credentials("openai")).toEqual([KEY_1]);
    broker = await start();
    broker.vault.upsert("openai", KEY_2);
    broker.vault.disable(id, "test");
    await until(() => vault.generation === broker.vault.generation);
    expect(vault.credentials("openai")).toEqual([KEY_2]);
  });

  test("blocks, lifts and disables for everyone", async () => {
    const { id } = broker.vault.upsert("openai", KEY_1);
    const vault = await open(clientOf());
    const other = await open(clientOf());
    const block = { providerKey: "openai", blockScope: "all", blockedUntilMs: Date.now() + 60_000 };
    await vault.block(id, block);
    await until(() => other.entries("openai")[0]?.blocks?.length === 1);
    await vault.clearBlocks(id);
    await until(() => (other.entries("openai")[0]?.blocks?.length ?? 0) === 0);
    await vault.disable(id, { cause: "by hand" });
    await until(() => other.credentials("openai").length === 0);
    expect((await clientOf().disabledCredentials()).disabled).toMatchObject([
      { id, cause: "by hand" },
    ]);
    await expect(vault.refresh(id)).rejects.toMatchObject({ status: 404 });
  });

  test("is told why an API key cannot be refreshed", async () => {
    const { id } = broker.vault.upsert("openai", KEY_1);
    const vault = await open(clientOf());
    await expect(vault.refresh(id)).rejects.toMatchObject({ status: 409, code: "not_oauth" });
  });
});

describe("a lease-only vault", () => {
  test("is shown no key, leases each, and hears when one is replaced", async () => {
    const { id } = broker.vault.upsert("openai", KEY_1);
    const client = clientOf({ isLeaseOnly: true });
    expect((await client.snapshot()).credentials[0]?.credential).toEqual({
      type: "api_key",
      key: LEASED_KEY,
    });
    const vault = await open(client);
    expect(vault.credentials("openai")).toEqual([KEY_1]);
    broker.vault.upsert("openai", KEY_2);
    await until(() => vault.credentials("openai").length === 2);
    broker.vault.disable(id, "test");
    await until(() => vault.credentials("openai").length === 1);
    expect(vault.credentials("openai")).toEqual([KEY_2]);
  });

  test("boots from its cache with the broker down, and reconciles when it returns", async () => {
    const expires = Date.now() + 3_600_000;
    const grant = { type: "oauth", refresh: "r-canary-1", access: "a-canary-1", expires } as const;
    broker.vault.upsert("anthropic", grant);
    broker.vault.upsert("openai", KEY_1);
    const token = new Secret(broker.token);
    const cache = () => openSnapshotCache(config(), env, { url, token, isLeaseOnly: true, log });
    const client = clientOf({ isLeaseOnly: true });
    await (await open(client, { cache: cache() })).stop();
    await broker.stop();
    const vault = await open(client, { cache: cache(), sleep: impatient });
    expect(vault.credentials("anthropic")).toMatchObject([
      { access: "a-canary-1", refresh: "__remote__" },
    ]);
    expect(vault.credentials("openai")).toEqual([]);
    broker = await start();
    broker.vault.upsert("openai", KEY_2);
    await until(() => vault.credentials("openai").length === 2);
    expect(vault.generation).toBe(broker.vault.generation);
  });
});
