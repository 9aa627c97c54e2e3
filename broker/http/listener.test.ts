// Where a broker listens is what the configuration says, and what is dangerous is said or refused.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createLogger, loadConfig } from "#platform";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brokerKeys } from "../config.ts";
import { type Broker, startBroker } from "../start.ts";

let home: string;
let logged: string[];
const running: Broker[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-listen-"));
  logged = [];
});

afterEach(async () => {
  for (const broker of running.splice(0)) await broker.stop();
  rmSync(home, { recursive: true });
});

async function start(variables: Record<string, string> = {}): Promise<Broker> {
  const env = { PARLEY_HOME: home, PARLEY_BROKER_BIND: "127.0.0.1:0", ...variables };
  const config = loadConfig({ keys: brokerKeys, env, cwd: home });
  const log = createLogger({ write: (line) => logged.push(line) });
  const broker = await startBroker({ config, env, log });
  running.push(broker);
  return broker;
}

describe("the Unix socket", () => {
  test("is in the home directory for its owner alone, serves the same, and is gone afterwards", async () => {
    const { socketPath = "", token } = await start();
    expect(socketPath).toBe(join(home, "auth-broker.sock"));
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    const headers = { authorization: `Bearer ${token}` };
    const unix = socketPath;
    expect((await fetch("http://localhost/v1/snapshot", { unix, headers })).status).toBe(200);
    expect((await fetch("http://localhost/v1/snapshot", { unix })).status).toBe(401);
    await running.pop()?.stop();
    expect(existsSync(socketPath)).toBe(false);
  });

  test("is not served with `none`, and is where a path says", async () => {
    expect((await start({ PARLEY_BROKER_SOCKET: "none" })).socketPath).toBeUndefined();
    const folder = join(home, "private");
    mkdirSync(folder);
    chmodSync(folder, 0o700);
    const path = join(folder, "b.sock");
    expect((await start({ PARLEY_BROKER_SOCKET: path })).socketPath).toBe(path);
  });

  test("of another broker of this home is left to it, with a warning", async () => {
    const first = await start();
    const second = await start();
    expect(second.socketPath).toBeUndefined();
    expect(logged.join("")).toContain("no Unix socket is served");
    expect(existsSync(first.socketPath ?? "")).toBe(true);
  });

  test("at a path that was asked for and is taken is an error", async () => {
    const { socketPath = "" } = await start();
    await expect(start({ PARLEY_BROKER_SOCKET: socketPath })).rejects.toThrow(
      "another process serves there",
    );
  });
});

describe("TLS", () => {
  test.each(["PARLEY_BROKER_TLS_CERT", "PARLEY_BROKER_TLS_KEY"])(
    "with only %s is refused, naming the missing half",
    async (variable) => {
      const missing = variable.endsWith("CERT") ? "broker.tlsKey" : "broker.tlsCert";
      await expect(start({ [variable]: "/nowhere.pem" })).rejects.toThrow(missing);
    },
  );

  test("with files that are not there is refused before anything listens", async () => {
    const files = { PARLEY_BROKER_TLS_CERT: "/nowhere.pem", PARLEY_BROKER_TLS_KEY: "/nowhere.key" };
    await expect(start(files)).rejects.toThrow("/nowhere.pem");
    expect(existsSync(join(home, "auth-broker.sock"))).toBe(false);
  });
});

test("beyond loopback without TLS is said, and on loopback nothing is", async () => {
  await start();
  expect(logged.join("")).not.toContain("without TLS");
  await start({ PARLEY_BROKER_BIND: "0.0.0.0:0" });
  expect(logged.join("")).toContain("without TLS");
});

test("a listed name is answered to, another one is refused", async () => {
  const { port, url } = await start({
    PARLEY_BROKER_BIND: "0.0.0.0:0",
    PARLEY_BROKER_ALLOWED_HOSTS: "broker.example, other.example:8443",
  });
  const statusOf = async (host: string) =>
    (await fetch(url.replace("0.0.0.0", "127.0.0.1") + "/v1/healthz", { headers: { host } }))
      .status;
  expect(await statusOf("broker.example")).toBe(200);
  expect(await statusOf(`broker.example:${port}`)).toBe(200);
  expect(await statusOf("other.example:8443")).toBe(200);
  expect(await statusOf("evil.example")).toBe(403);
});

test("a broker that could not listen has let go of its files", async () => {
  const { port } = await start();
  await expect(start({ PARLEY_BROKER_BIND: `127.0.0.1:${port}` })).rejects.toThrow();
  await running.pop()?.stop();
  expect((await start()).vault.generation).toBe(1);
});

test("the body of a caller without a token is not read, and the attempt is counted once", async () => {
  const { port } = await start();
  const statuses: string[] = [];
  for (let n = 0; n < 11; n += 1) {
    const { promise, resolve } = Promise.withResolvers<string>();
    const lines = [
      "POST /v1/credential HTTP/1.1",
      `Host: 127.0.0.1:${port}`,
      "Content-Length: 100000",
    ];
    // Nothing of the body follows: whoever waits for it would not answer.
    const socket = connect(port, "127.0.0.1", () => socket.write(`${lines.join("\r\n")}\r\n\r\n`));
    socket.once("data", (bytes) => resolve(String(bytes).slice(9, 12)));
    statuses.push(await promise);
    socket.destroy();
  }
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => "401"), "429"]);
});
