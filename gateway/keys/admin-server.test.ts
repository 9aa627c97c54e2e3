// The keys over HTTP: who may, what is shown, where it may listen.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type HttpServer, matchToken } from "#platform";
import { serveAdmin } from "./admin-server.ts";
import { GatewayKeys } from "./gateway-keys.ts";

const OWNER_TOKEN = "pgw_owner-of-this-test";
const log = createLogger({ level: "silent", write: () => {} });
const home = mkdtempSync(join(tmpdir(), "parley-admin-"));
const keys = new GatewayKeys(home);
const parts = { keys, isOwner: matchToken(OWNER_TOKEN), log };
let server: HttpServer | undefined;
beforeAll(() => {
  server = serveAdmin("127.0.0.1:0", parts);
});
afterAll(async () => {
  await server?.stop();
  keys.close();
  rmSync(home, { recursive: true, force: true });
});

function ask(
  method: string,
  path: string,
  { body, token = OWNER_TOKEN }: { body?: string; token?: string } = {},
) {
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`${server?.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
}

test("a key is made, shown without its secret, rotated and revoked", async () => {
  const body = JSON.stringify({ name: "ci", rules: { requestsPerMinute: 5 } });
  const made = await ask("POST", "/admin/keys", { body });
  expect(made.status).toBe(201);
  const { secret, rules } = (await made.json()) as { secret: string; rules: object };
  expect(rules).toMatchObject({ requestsPerMinute: 5, concurrentStreams: null });
  expect(keys.authenticate(secret)?.name).toBe("ci");
  expect(await (await ask("GET", "/admin/keys")).text()).not.toContain(secret.slice(4));
  const rotated = (await (await ask("POST", "/admin/keys/ci/rotate")).json()) as { secret: string };
  expect(keys.authenticate(secret)).toBeUndefined();
  expect(keys.authenticate(rotated.secret)?.name).toBe("ci");
  expect(await (await ask("DELETE", "/admin/keys/ci")).json()).toMatchObject({ status: "revoked" });
  expect((await ask("GET", "/admin/keys/ci")).status).toBe(404);
});

test("nobody but the owner may ask, not even the holder of a key", async () => {
  const made = (await (await ask("POST", "/admin/keys", { body: '{"name":"user"}' })).json()) as {
    secret: string;
  };
  for (const token of [made.secret, "", "pgw_wrong"]) {
    for (const [method, path] of [
      ["GET", "/admin/keys"],
      ["POST", "/admin/keys"],
      ["GET", "/x"],
    ] as const) {
      expect((await ask(method, path, { token })).status).toBe(401);
    }
  }
});

test.each([
  "",
  "[]",
  '{"name":"x","rules":{"rpm":5}}',
  '{"name":"A B"}',
  '{"name":"y","rules":{"budgets":{"day":0.5}}}',
])("%p makes no key", async (body) => {
  const before = keys.list().length;
  const refused = await ask("POST", "/admin/keys", { body });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { code: expect.any(String) } });
  expect(keys.list().length).toBe(before);
});

test("it listens on this machine only, and not at all when it is off", () => {
  expect(serveAdmin("off", parts)).toBeUndefined();
  expect(() => serveAdmin("0.0.0.0:0", parts)).toThrow("for this machine only");
});
