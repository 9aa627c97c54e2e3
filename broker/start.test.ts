// A started broker is whole: listener, token file and vault; a stopped one has let go of all three.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, loadConfig } from "#platform";
import { brokerKeys } from "./config.ts";
import { MasterKeyError } from "./errors.ts";
import { MAX_BODY_BYTES } from "./http/app.ts";
import { type Broker, startBroker } from "./start.ts";

const log = createLogger({ level: "silent" });

let home: string;
let broker: Broker | undefined;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-start-"));
});

afterEach(async () => {
  await broker?.stop();
  broker = undefined;
  rmSync(home, { recursive: true });
});

async function start(bind = "127.0.0.1:0"): Promise<Broker> {
  const env = { PARLEY_HOME: home };
  const config = loadConfig({ keys: brokerKeys, env, cwd: home, flags: { "--broker-bind": bind } });
  broker = await startBroker({ config, env, log });
  return broker;
}

describe("a running broker", () => {
  test("answers on its URL to its token, which it keeps for the next start", async () => {
    const { url, token } = await start();
    const path = join(home, "auth-broker.token");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${url}/v1/snapshot`, { headers })).status).toBe(200);
    await broker?.stop();
    expect((await start()).token).toBe(token);
  });

  test("sends a change over a real socket to a client that waits for it", async () => {
    const { url, token, vault } = await start();
    const headers = { authorization: `Bearer ${token}`, "if-none-match": '"1"' };
    const held = fetch(`${url}/v1/snapshot?wait=30000`, { headers });
    // Answered only after the held request was: the change must find someone waiting.
    await fetch(`${url}/v1/healthz`);
    vault.upsert("openai", { type: "api_key", key: "k-1" });
    const response = await held;
    expect([response.status, response.headers.get("etag")]).toEqual([200, '"2"']);
  });

  test("refuses a body over its limit in its own words, and a foreign Host", async () => {
    const { url, token } = await start();
    const headers = { authorization: `Bearer ${token}` };
    const body = "x".repeat(MAX_BODY_BYTES + 1);
    const large = await fetch(`${url}/v1/credential`, { method: "POST", headers, body });
    expect([large.status, Object.keys((await large.json()) as object)]).toEqual([413, ["error"]]);
    const rebound = await fetch(`${url}/v1/healthz`, { headers: { host: "evil.test" } });
    expect(rebound.status).toBeGreaterThanOrEqual(400);
  });

  test("stops although a client is being held, and lets that client go", async () => {
    const { url, token } = await start();
    const headers = { authorization: `Bearer ${token}`, "if-none-match": '"1"' };
    const held = fetch(`${url}/v1/snapshot?wait=30000`, { headers });
    await fetch(`${url}/v1/healthz`);
    await broker?.stop();
    broker = undefined;
    expect((await held).status).toBe(304);
    await expect(fetch(`${url}/v1/healthz`)).rejects.toThrow();
  });
});

test("a broker whose vault does not open never listens", async () => {
  writeFileSync(join(home, "vault.db"), "");
  await expect(start()).rejects.toThrow(MasterKeyError);
});

test("a busy port is refused, and the vault can be opened again", async () => {
  const { port } = await start();
  const first = broker;
  await expect(start(`127.0.0.1:${port}`)).rejects.toThrow(`127.0.0.1:${port}`);
  await first?.stop();
  expect((await start()).vault.generation).toBe(1);
});
