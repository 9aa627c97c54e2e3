// Remote credentials serve from memory: they keep up with a real broker and survive its absence.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, Secret } from "#platform";
import { BrokerUnreachable } from "../errors.ts";
import { createBrokerApp } from "../server.ts";
import { Vault } from "../vault/vault.ts";
import { BrokerClient } from "./broker-client.ts";
import { RemoteCredentials } from "./remote-credentials.ts";

const TOKEN = "plb_remote-test-0123456789";

let home: string;
let vault: Vault;
let server: Bun.Server<undefined>;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-remote-"));
  vault = Vault.open(home);
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  const log = createLogger({ level: "silent" });
  const app = createBrokerApp({ vault, token: TOKEN, version: "1.2.3", log });
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => app.fetch(request, { body: new Uint8Array(0) }),
  });
});

afterEach(async () => {
  await server.stop(true);
  vault.close();
  rmSync(home, { recursive: true });
});

function clientOf(): BrokerClient {
  const url = `http://127.0.0.1:${server.port}`;
  return new BrokerClient({ url, token: new Secret(TOKEN) });
}

test("a change in the vault arrives without being asked for", async () => {
  const changed = Promise.withResolvers<void>();
  const remote = await RemoteCredentials.open(clientOf(), { onChange: changed.resolve });
  expect(remote.credentials("openai")).toEqual([{ type: "api_key", key: "k-1" }]);
  vault.upsert("openai", { type: "api_key", key: "k-2" });
  await changed.promise;
  expect(remote.credentials("openai")).toHaveLength(2);
  expect(remote.generation).toBe(vault.generation);
  await remote.stop();
});

test("an unknown provider has no credential", async () => {
  const remote = await RemoteCredentials.open(clientOf());
  expect(remote.credentials("nobody")).toEqual([]);
  await remote.stop();
});

test("the last snapshot is served on while the broker is away", async () => {
  const failed = Promise.withResolvers<unknown>();
  const remote = await RemoteCredentials.open(clientOf(), { onError: failed.resolve });
  await server.stop(true);
  expect(await failed.promise).toBeInstanceOf(BrokerUnreachable);
  expect(remote.credentials("openai")).toHaveLength(1);
  await remote.stop();
});

test("without a first snapshot there is nothing to serve, and opening says so", async () => {
  const client = clientOf();
  await server.stop(true);
  await expect(RemoteCredentials.open(client)).rejects.toThrow(BrokerUnreachable);
});
