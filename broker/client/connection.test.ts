// Where the broker is: configuration first, then this host's token file, and never a URL without a token.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type Environment, loadConfig, Secret } from "#platform";
import { brokerKeys } from "../config.ts";
import { BrokerError } from "../errors.ts";
import {
  brokerSocketPath,
  brokerTokenPath,
  localBrokerUrl,
  openSnapshotCache,
  resolveBrokerConnection,
} from "./connection.ts";
import { ScriptedBroker } from "./scripted-broker.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-connection-"));
});

afterEach(() => rmSync(home, { recursive: true }));

async function connect({ yaml = "", env = {} }: { yaml?: string; env?: Environment } = {}) {
  writeFileSync(join(home, "config.yml"), yaml);
  const whole = { PARLEY_HOME: home, ...env };
  const config = loadConfig({ keys: brokerKeys, env: whole, cwd: home });
  const run = async (command: string) => `printed by ${command}`;
  const connection = await resolveBrokerConnection(config, whole, { run });
  return connection && [connection.url, connection.token.reveal()];
}

test("without auth.broker.url there is no remote broker", async () => {
  expect(await connect({ yaml: "auth: { broker: { token: t } }" })).toBeUndefined();
});

test("a file may name a variable for the URL and a command for the token", async () => {
  const yaml = "auth: { broker: { url: LAB_BROKER, token: '!pass lab' } }";
  const env = { LAB_BROKER: "http://lab.test:8765" };
  expect(await connect({ yaml, env })).toEqual(["http://lab.test:8765", "printed by pass lab"]);
});

test("the environment wins over the file and is taken word for word", async () => {
  const yaml = "auth: { broker: { url: http://file.test, token: from-file } }";
  const env = { PARLEY_AUTH_BROKER_URL: "http://env.test", PARLEY_AUTH_BROKER_TOKEN: "!NOT_RUN" };
  expect(await connect({ yaml, env })).toEqual(["http://env.test", "!NOT_RUN"]);
});

test("without a configured token the file of this host's broker has it", async () => {
  writeFileSync(brokerTokenPath(home), "plb_from-the-file\n", { mode: 0o600 });
  const env = { PARLEY_AUTH_BROKER_URL: "http://env.test" };
  expect(await connect({ env })).toEqual(["http://env.test", "plb_from-the-file"]);
});

test("a URL without any token is an error that names the file", async () => {
  const error = await connect({ env: { PARLEY_AUTH_BROKER_URL: "http://env.test" } }).catch(
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(BrokerError);
  expect(error).toMatchObject({ code: "broker_token_missing" });
  expect((error as BrokerError).fix).toContain(brokerTokenPath(home));
});

test("this host's broker is reached by its socket, which no other user can squat, else at broker.bind", async () => {
  const env = { PARLEY_HOME: home, PARLEY_BROKER_BIND: "0.0.0.0:9999" };
  const config = loadConfig({ keys: brokerKeys, env, cwd: home });
  expect(localBrokerUrl(config, env)).toBe("http://127.0.0.1:9999");
  writeFileSync(brokerSocketPath(home), "");
  expect(localBrokerUrl(config, env)).toBe("http://127.0.0.1:9999");
  rmSync(brokerSocketPath(home));
  const broker = new ScriptedBroker({ unix: brokerSocketPath(home) });
  expect(localBrokerUrl(config, env)).toBe(`unix:${brokerSocketPath(home)}`);
  const without = { ...env, PARLEY_BROKER_SOCKET: "none", PARLEY_BROKER_TLS_CERT: "c.pem" };
  const noSocket = loadConfig({ keys: brokerKeys, env: without, cwd: home });
  expect(localBrokerUrl(noSocket, without)).toBe("https://127.0.0.1:9999");
  const named = { ...env, PARLEY_HOME: "/nowhere", PARLEY_BROKER_SOCKET: brokerSocketPath(home) };
  const elsewhere = loadConfig({ keys: brokerKeys, env: named, cwd: home });
  expect(localBrokerUrl(elsewhere, named)).toBe(`unix:${brokerSocketPath(home)}`);
  await broker.stop();
});

test("a broker on a free port of its choosing has to be named", () => {
  const env = { PARLEY_HOME: home, PARLEY_BROKER_BIND: "127.0.0.1:0" };
  const config = loadConfig({ keys: brokerKeys, env, cwd: home });
  expect(() => localBrokerUrl(config, env)).toThrow("port 0");
});

test("the cache is where, and as old as, the configuration says", () => {
  const env = {
    PARLEY_HOME: home,
    HOME: home,
    PARLEY_AUTH_BROKER_SNAPSHOT_CACHE: "~/elsewhere/s.enc",
  };
  const log = createLogger({ level: "silent" });
  const given = { token: new Secret("plb_t"), url: "http://b.test", isLeaseOnly: false, log };
  const snapshot = {
    generation: 1,
    generatedAt: Date.now(),
    serverNowMs: 0,
    refresher: { enabled: false, intervalMs: 0, skewMs: 0, nextSweepInMs: 0 },
    credentials: [],
  };
  const write = (whole: Environment) => {
    const config = loadConfig({ keys: brokerKeys, env: whole, cwd: home });
    const cache = openSnapshotCache(config, whole, given);
    cache.save(() => snapshot);
    cache.close();
  };
  write({ ...env, PARLEY_AUTH_BROKER_SNAPSHOT_TTL_MS: "0" });
  expect(existsSync(join(home, "elsewhere"))).toBe(false);
  write(env);
  expect(existsSync(join(home, "elsewhere", "s.enc"))).toBe(true);
  write({ PARLEY_HOME: home });
  expect(existsSync(join(home, "cache", "auth-broker-snapshot.enc"))).toBe(true);
});
