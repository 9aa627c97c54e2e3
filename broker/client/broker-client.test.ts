// The client over real sockets: what it sends, what it accepts, and how it names what went wrong.

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "#platform";
import {
  BrokerProtocolError,
  BrokerRefused,
  BrokerUnauthorized,
  BrokerUnreachable,
} from "../errors.ts";
import { BrokerClient } from "./broker-client.ts";
import { ScriptedBroker } from "./scripted-broker.ts";

const token = new Secret("plb_canary-token-0123456789");
const snapshot = {
  generation: 2,
  generatedAt: 1,
  serverNowMs: 1,
  refresher: { enabled: false, intervalMs: 0, skewMs: 0, nextSweepInMs: 9 },
  credentials: [
    {
      id: 1,
      provider: "openai",
      credential: { type: "api_key", key: "k" },
      identityKey: null,
      rotatesInMs: null,
    },
  ],
};

const servers: Bun.Server<undefined>[] = [];

function clientOf(answer: (request: Request) => Response | Promise<Response>): BrokerClient {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  servers.push(server);
  return new BrokerClient({ url: `http://127.0.0.1:${server.port}/`, token });
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error instanceof Error) return error;
  throw new Error("nothing was thrown");
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

describe("a request", () => {
  test("for health carries no token, every other one does", async () => {
    const seen: (string | null)[] = [];
    const client = clientOf((request) => {
      seen.push(request.headers.get("authorization"));
      return Response.json(request.url.endsWith("/healthz") ? { ok: true } : snapshot);
    });
    await client.healthz();
    await client.fetchSnapshot();
    expect(seen).toEqual([null, `Bearer ${token.reveal()}`]);
  });

  test("for a newer snapshot names the known generation; a 304 means there is none", async () => {
    const client = clientOf((request) => {
      expect(request.headers.get("if-none-match")).toBe('"2"');
      expect(new URL(request.url).search).toBe("?wait=30000");
      return new Response(null, { status: 304 });
    });
    expect(await client.fetchSnapshot({ generation: 2, waitMs: 30_000 })).toBeUndefined();
  });

  test("that stores a credential gives back the provider's rows", async () => {
    const [{ rotatesInMs: _, ...entry }] = snapshot.credentials as [
      (typeof snapshot.credentials)[0],
    ];
    const client = clientOf(async (request) => {
      const upload = { provider: "openai", credential: { type: "api_key", key: "k" } };
      expect(await request.json()).toEqual(upload);
      return Response.json({ entries: [entry] });
    });
    const rows = await client.putCredential("openai", { type: "api_key", key: "k" });
    expect(rows.map((row) => row.id)).toEqual([1]);
  });

  test("goes over a Unix socket as it goes over TCP", async () => {
    const home = mkdtempSync(join(tmpdir(), "parley-client-"));
    const broker = new ScriptedBroker({ unix: join(home, "b.sock") });
    const client = broker.client();
    expect(client.url).toBe(`unix:${join(home, "b.sock")}`);
    expect((await client.snapshot()).generation).toBe(1);
    expect(broker.seen[0]?.headers.get("host")).toBe("localhost");
    await broker.stop();
    const gone = await failure(client.healthz());
    expect(gone).toBeInstanceOf(BrokerUnreachable);
    expect(gone.message).toContain(client.url);
    rmSync(home, { recursive: true });
  });

  test("ends when its signal aborts, with the reason of the abort", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const client = clientOf(() => {
      resolve();
      return new Promise<Response>(() => {});
    });
    const controller = new AbortController();
    const asked = failure(client.fetchSnapshot({ signal: controller.signal }));
    await promise;
    controller.abort(new Error("enough"));
    expect((await asked).message).toBe("enough");
  });
});

test("what a newer broker adds to an answer does no harm", async () => {
  const client = clientOf(() => Response.json({ ...snapshot, more: 1 }));
  expect((await client.fetchSnapshot())?.generation).toBe(snapshot.generation);
});

test("every endpoint is called as the protocol says, and its answer read", async () => {
  const block = { providerKey: "p", blockScope: "all", blockedUntilMs: 9 };
  const ok = { ok: true };
  const usage = { generatedAt: 1, reports: [] };
  const upload = { installId: "i", entries: [] };
  const row = { id: 7, provider: "p", credential: { type: "api_key", key: "k" } };
  const routes: [string, unknown, (client: BrokerClient) => Promise<unknown>, unknown][] = [
    [
      "POST /v1/credential/7/refresh ",
      { entry: { ...row, identityKey: null } },
      (c) => c.refreshCredential(7),
      { ...row, identityKey: null },
    ],
    [
      "POST /v1/credential/7/lease ",
      { lease: { ...row, leasedUntilMs: 5 } },
      (c) => c.leaseCredential(7),
      { ...row, leasedUntilMs: 5 },
    ],
    [
      'POST /v1/credential/7/disable {"cause":"c"}',
      ok,
      (c) => c.disableCredential(7, { cause: "c" }),
      undefined,
    ],
    ["POST /v1/credential/7/disable {}", ok, (c) => c.disableCredential(7), undefined],
    [
      `POST /v1/credential/7/block ${JSON.stringify(block)}`,
      ok,
      (c) => c.blockCredential(7, block),
      undefined,
    ],
    ["DELETE /v1/credential/7/blocks ", ok, (c) => c.clearBlocks(7), undefined],
    [
      'POST /v1/credential/7/limits {"headers":{"a":"1"}}',
      ok,
      (c) => c.reportLimits(7, { a: "1" }),
      undefined,
    ],
    [
      "GET /v1/credentials/disabled?provider=a%3Ab ",
      { generatedAt: 1, disabled: [] },
      (c) => c.disabledCredentials({ provider: "a:b" }),
      { generatedAt: 1, disabled: [] },
    ],
    ["GET /v1/usage ", usage, (c) => c.usage(), usage],
    [
      "GET /v1/usage/history?sinceMs=5&provider=p ",
      { generatedAt: 1, entries: [] },
      (c) => c.usageHistory({ sinceMs: 5, provider: "p" }),
      { generatedAt: 1, entries: [] },
    ],
    [
      `POST /v1/usage/observed ${JSON.stringify(upload)}`,
      ok,
      (c) => c.reportUsage(upload),
      undefined,
    ],
    [
      "GET /v1/usage/clients?sinceMs=5 ",
      { generatedAt: 1, clients: [] },
      (c) => c.usageClients({ sinceMs: 5 }),
      { generatedAt: 1, clients: [] },
    ],
    ["POST /v1/usage/stale ", ok, (c) => c.markUsageStale(), undefined],
  ];
  for (const [sent, answer, call, read] of routes) {
    const seen: string[] = [];
    const client = clientOf(async (request) => {
      const { pathname, search } = new URL(request.url);
      seen.push(`${request.method} ${pathname}${search} ${await request.text()}`);
      return Response.json(answer);
    });
    expect(await call(client)).toEqual(read);
    expect(seen).toEqual([sent]);
  }
});

test("only a lease-only client says so, wherever it says who it is", async () => {
  const seen: (string | null)[] = [];
  clientOf((request) => {
    seen.push(request.headers.get("parley-broker-mode"));
    return Response.json(request.url.includes("snapshot") ? snapshot : { ok: true });
  });
  const url = `http://127.0.0.1:${servers[0]?.port}`;
  for (const isLeaseOnly of [true, false]) {
    const client = new BrokerClient({ url, token, isLeaseOnly });
    await client.snapshot();
    await client.markUsageStale();
    await client.healthz();
  }
  expect(seen).toEqual(["lease", "lease", null, null, null, null]);
});

describe("a bad answer is an error of its own kind", () => {
  test("401: the token is wrong", async () => {
    const client = clientOf(() => Response.json({ error: "unauthorized" }, { status: 401 }));
    expect(await failure(client.fetchSnapshot())).toBeInstanceOf(BrokerUnauthorized);
  });

  test("400: the broker's reason is passed on", async () => {
    const client = clientOf(() => Response.json({ error: "provider: bad" }, { status: 400 }));
    const error = await failure(client.putCredential("x", { type: "api_key", key: "k" }));
    expect(error).toBeInstanceOf(BrokerRefused);
    expect(error.message).toContain("provider: bad");
  });

  test.each([
    ["HTML", "<html>canary</html>"],
    ["a wrong type", JSON.stringify({ ...snapshot, generation: "canary" })],
    ["nothing", ""],
  ])("%s: not the protocol, and none of it is repeated", async (_name, body) => {
    const error = await failure(clientOf(() => new Response(body)).fetchSnapshot());
    expect(error).toBeInstanceOf(BrokerProtocolError);
    expect(error.message).not.toContain("canary");
  });

  test("a refusal keeps its status and its code, and is cut to one line of text", async () => {
    const refusal = {
      error: `no\r\n\u001b[2J Bearer canary-0123456789abcdef ${"x".repeat(999)}`,
      code: "not_oauth",
    };
    const client = clientOf(() => Response.json(refusal, { status: 409 }));
    const error = await failure(client.refreshCredential(1));
    expect(error).toMatchObject({ status: 409, code: "not_oauth" });
    expect(error.message).not.toMatch(/canary|\p{Cc}/u);
    expect(error.message.length).toBeLessThan(400);
    const odd = clientOf(() => Response.json({ error: "no", code: "Odd Code" }, { status: 502 }));
    expect(await failure(odd.usage())).toMatchObject({ status: 502, code: "broker_refused" });
    const html = clientOf(() => new Response("<html>", { status: 503 }));
    expect(await failure(html.usage())).toMatchObject({ status: 503, code: "broker_refused" });
  });

  test("nobody listening: unreachable", async () => {
    const client = clientOf(() => new Response());
    await servers[0]?.stop(true);
    expect(await failure(client.healthz())).toBeInstanceOf(BrokerUnreachable);
  });

  test("a redirect: not the protocol, and the token does not follow it", async () => {
    let followed = 0;
    const client = clientOf((request) => {
      if (new URL(request.url).pathname === "/elsewhere") followed++;
      return new Response(null, { status: 307, headers: { location: "/elsewhere" } });
    });
    expect(await failure(client.fetchSnapshot())).toBeInstanceOf(BrokerProtocolError);
    expect(followed).toBe(0);
  });
});

test.each(["", "broker:8765", "file:///etc/passwd", "http://user:pw@host", "http://host?x=1"])(
  "the URL %j is refused before anything is sent",
  (url) => {
    expect(() => new BrokerClient({ url, token })).toThrow(BrokerProtocolError);
  },
);

test("printing a client shows no token", () => {
  const client = new BrokerClient({ url: "http://127.0.0.1:1", token });
  expect(Bun.inspect(client) + JSON.stringify(client)).not.toContain("canary");
});
