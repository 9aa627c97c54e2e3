// The client over real sockets: what it sends, what it accepts, and how it names what went wrong.

import { afterEach, describe, expect, test } from "bun:test";
import { Secret } from "#platform";
import {
  BrokerProtocolError,
  BrokerRefused,
  BrokerUnauthorized,
  BrokerUnreachable,
} from "../errors.ts";
import { BrokerClient } from "./broker-client.ts";

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
