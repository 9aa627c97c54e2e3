// The routes answer to the byte what deployed clients expect, and tell nobody else anything.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CredentialSnapshot } from "#wire";
import type { Vault } from "../vault/vault.ts";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";

let broker: BrokerUnderTest;
let vault: Vault;

beforeEach(() => {
  broker = brokerUnderTest({ nowMs: () => 1_000 });
  vault = broker.vault;
});

afterEach(() => broker.close());

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return broker.ask(path, { headers });
}

function post(body: string | Uint8Array): Promise<Response> {
  return broker.ask("/v1/credential", { method: "POST", body });
}

async function shown(response: Response): Promise<[number, unknown]> {
  return [response.status, await response.json()];
}

const upload = (key: string, provider = "openai") =>
  JSON.stringify({ provider, credential: { type: "api_key", key } });

describe("access", () => {
  test("health needs no token and says only that it is well and which version", async () => {
    expect(await shown(await broker.ask("/v1/healthz", { token: "" }))).toEqual([
      200,
      { ok: true, version: "1.2.3" },
    ]);
  });

  const wrong: readonly Record<string, string>[] = [
    {},
    { authorization: "Bearer wrong" },
    { authorization: `Bearer ${"plb_test-token-0123456789"}x` },
    {
      authorization: `Bearer ${"plb_test-token-0123456789"}, Bearer ${"plb_test-token-0123456789"}`,
    },
    { authorization: "plb_test-token-0123456789" },
    { authorization: `Basic ${"plb_test-token-0123456789"}` },
  ];
  test.each(wrong)("%j is unauthorized on every route, known or not", async (headers) => {
    for (const path of ["/v1/snapshot", "/v1/nope", "/"]) {
      const answer = await broker.ask(path, { token: "", headers });
      expect(await shown(answer)).toEqual([401, { error: "unauthorized" }]);
    }
  });

  test("an unknown route, or a known one by another method, is named in the 404", async () => {
    expect(await shown(await get("/v1/nope"))).toEqual([404, { error: "No route: GET /v1/nope" }]);
    expect(await shown(await get("/v1/credential"))).toEqual([
      404,
      { error: "No route: GET /v1/credential" },
    ]);
  });
});

describe("the snapshot", () => {
  test("has its shape, its tag, and headers that keep it out of caches", async () => {
    vault.upsert("openai", { type: "api_key", key: "k-1" });
    const response = await get("/v1/snapshot");
    expect(response.headers.get("etag")).toBe('"2"');
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("vary")).toBe("OMP-Auth-Broker-Capabilities");
    expect(CredentialSnapshot.parse(await response.json())).toEqual({
      generation: 2,
      generatedAt: 1_000,
      serverNowMs: 1_000,
      refresher: {
        enabled: false,
        intervalMs: 60_000,
        skewMs: 300_000,
        nextSweepInMs: Number.MAX_SAFE_INTEGER,
      },
      credentials: [
        {
          id: expect.any(Number),
          provider: "openai",
          credential: { type: "api_key", key: "k-1" },
          identityKey: null,
          rotatesInMs: null,
        },
      ],
    });
  });

  test.each(['"1"', 'W/"1"', '"0", "1"', "*"])(
    "unchanged for If-None-Match %s is a bodiless 304 with the tag, even without wait",
    async (tag) => {
      const response = await get("/v1/snapshot", { "if-none-match": tag });
      expect(response.status).toBe(304);
      expect(response.headers.get("etag")).toBe('"1"');
      expect(await response.text()).toBe("");
    },
  );

  test.each(['"0"', "1", '"11"', ""])("for another tag, %j, it is sent whole", async (tag) => {
    expect((await get("/v1/snapshot", { "if-none-match": tag })).status).toBe(200);
  });

  test("is held while unchanged and sent at once on a change", async () => {
    const held = get("/v1/snapshot?wait=30000", { "if-none-match": '"1"' });
    vault.upsert("openai", { type: "api_key", key: "k-1" });
    const response = await held;
    expect([response.status, response.headers.get("etag")]).toEqual([200, '"2"']);
  });

  test("is a 304 when the wait ends without a change", async () => {
    const response = await get("/v1/snapshot?wait=1", { "if-none-match": '"1"' });
    expect(response.status).toBe(304);
  });

  test("is not held for a client that has no generation yet, or an old one", async () => {
    expect((await get("/v1/snapshot?wait=30000")).status).toBe(200);
    const stale = await get("/v1/snapshot?wait=30000", { "if-none-match": '"0"' });
    expect(stale.status).toBe(200);
  });

  test("is let go when the broker stops", async () => {
    const held = get("/v1/snapshot?wait=30000", { "if-none-match": '"1"' });
    broker.app.close();
    expect((await held).status).toBe(304);
  });

  test.each(["-1", "soon", "1.5", "1e9"])("refuses wait=%s and says why", async (wait) => {
    expect(await shown(await get(`/v1/snapshot?wait=${wait}`))).toEqual([
      400,
      { error: "wait: must be a whole number of milliseconds" },
    ]);
  });
});

describe("an upload", () => {
  test("is answered with the provider's rows, redacted, and raises the generation", async () => {
    await post(upload("k-other", "anthropic"));
    const credential = { type: "oauth", refresh: "r-1", access: "a-1", expires: 5, clientId: "c" };
    const response = await post(JSON.stringify({ provider: "openai", credential }));
    expect(await shown(response)).toEqual([
      200,
      {
        entries: [
          {
            id: expect.any(Number),
            provider: "openai",
            credential: { ...credential, refresh: "__remote__" },
            identityKey: null,
          },
        ],
      },
    ]);
    expect(vault.generation).toBe(3);
  });

  test("of an identical key keeps the generation", async () => {
    await post(upload("k-1"));
    expect((await post(upload("k-1"))).status).toBe(200);
    expect(vault.generation).toBe(2);
  });

  const refused: readonly (readonly [string, string])[] = [
    ["", "body: empty"],
    ["[]", "body: "],
    ["null", "body: "],
    ["{}", "provider: "],
    ['{"provider":"","credential":{"type":"api_key","key":"k"}}', "provider: must not be empty"],
    ['{"provider":"p"}', "credential: "],
    ['{"provider":"p","credential":{"type":"cookie"}}', "credential.type: "],
    ['{"provider":"p","credential":{"type":"api_key","key":7}}', "credential.key: "],
    ['{"provider":"p","credential":{"type":"api_key","key":"k"},"x":1}', "body: "],
    [
      '{"provider":"p","credential":{"type":"oauth","refresh":"__remote__","access":"a","expires":1}}',
      "credential.refresh: ",
    ],
  ];
  test.each(refused)("of %s is refused at its place", async (body, place) => {
    const [status, answer] = await shown(await post(body));
    expect(status).toBe(400);
    expect((answer as { error: string }).error).toStartWith(place);
    expect(vault.generation).toBe(1);
  });

  test("that is not JSON, not UTF-8 or nested too deep is a 400, never a crash", async () => {
    for (const body of ["{", "{]", new Uint8Array([0xff, 0xfe]), "[".repeat(100_000)]) {
      const [status, answer] = await shown(await post(body));
      expect([status, JSON.stringify(answer)]).toEqual([400, expect.stringContaining("body: ")]);
    }
  });

  test("leaves its secret in no log line and in no refusal", async () => {
    const secret = "canary-51c0ffee";
    await post(upload(secret));
    const misplaced = await post(`{"provider":"p","credential":{"type":"${secret}"}}`);
    expect(await misplaced.text()).not.toContain(secret);
    await get(`/v1/snapshot?wait=${secret}`);
    await get("/v1/snapshot", { authorization: `Bearer ${secret}` });
    expect(broker.logged.length).toBeGreaterThan(0);
    expect(broker.logged.join("")).not.toContain(secret);
    expect(broker.logged.join("")).not.toContain(broker.ownerToken);
  });
});

test("a vault that fails in mid-flight is a 500 that tells the client nothing", async () => {
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  vault.close();
  expect(await shown(await get("/v1/snapshot"))).toEqual([
    500,
    { error: "internal: see the broker's log" },
  ]);
});
