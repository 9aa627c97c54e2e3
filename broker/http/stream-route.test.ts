// The stream tells each change once, to those who may see it, and nobody can slow it down for the others.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { HttpServer } from "#platform";
import { AuditUnavailable } from "../access/access-errors.ts";
import { Vault } from "../vault/vault.ts";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";
import { StreamReader } from "./stream-reader.ts";

let broker: BrokerUnderTest;
let server: HttpServer;

beforeEach(() => {
  broker = brokerUnderTest();
  server = broker.listen();
});

afterEach(async () => {
  broker.app.close();
  await server.stop({ graceMs: 0 });
  broker.close();
});

const key = (text: string) => ({ type: "api_key", key: text }) as const;
const grant = (n: number, access = `access-${n}`) =>
  ({
    type: "oauth",
    refresh: `refresh-${n}`,
    access,
    expires: 9e12,
    email: `u${n}@a.test`,
  }) as const;

function open(
  options: { token?: string; lastEventId?: string; headers?: Record<string, string> } = {},
) {
  return StreamReader.open(server.url, { token: broker.ownerToken, ...options });
}

const kinds = ({ frames }: StreamReader) => frames.map(({ event }) => event.kind);

test("begins with the whole snapshot, then one frame per change, each with its generation as id", async () => {
  const { vault } = broker;
  vault.upsert("openai", key("k-1"));
  const reader = await open();
  expect(reader.response.headers.get("content-type")).toStartWith("text/event-stream");
  expect(reader.response.headers.get("cache-control")).toBe("no-store");
  await reader.next();
  const { id } = vault.upsert("anthropic", key("k-2"));
  await reader.next();
  vault.disable(id, "test");
  await reader.next();
  expect(reader.frames.map(({ id, name, event }) => [id, name, event.kind])).toEqual([
    ["2", "snapshot", "snapshot"],
    ["3", "entry", "entry"],
    ["4", "removed", "removed"],
  ]);
  expect(reader.frames[2]?.event).toMatchObject({ id });
});

test("one upsert among 200 grants is one frame of at most 1 KB for each subscriber", async () => {
  const { vault } = broker;
  for (let n = 0; n < 200; n += 1) vault.upsert("openai", grant(n));
  const readers = await Promise.all([open(), open(), open()]);
  for (const reader of readers) await reader.next();
  vault.upsert("openai", grant(7, "access-renewed"));
  vault.upsert("openai", key("last"));
  for (const reader of readers) {
    await reader.until(vault.generation);
    expect(kinds(reader)).toEqual(["snapshot", "entry", "entry"]);
    expect(reader.frames[1]?.bytes).toBeLessThanOrEqual(1024);
  }
});

test("a change made by another process arrives", async () => {
  const reader = await open();
  await reader.next();
  const other = Vault.open(broker.home);
  other.upsert("openai", key("k-1"));
  other.close();
  await reader.until(2);
});

describe("resuming", () => {
  test("sends what was missed, once, and then goes on", async () => {
    const { vault } = broker;
    vault.upsert("openai", key("k-1"));
    const { id } = vault.upsert("openai", grant(1));
    vault.upsert("openai", grant(1, "access-2"));
    const reader = await open({ lastEventId: "2" });
    vault.disable(id, "test");
    await reader.until(vault.generation);
    expect(reader.frames.filter(({ event }) => event.kind === "snapshot")).toEqual([]);
    expect(reader.frames.at(-1)?.event.kind).toBe("removed");
  });

  test("with nothing missed is answered at once, and sends nothing but the next change", async () => {
    const reader = await open({ lastEventId: "1" });
    broker.vault.upsert("openai", key("k-1"));
    await reader.next();
    expect(kinds(reader)).toEqual(["entry"]);
  });

  test.each(["0", "17", "-1", "soon", "1e3", ""])(
    "from %j, which cannot be continued, begins anew",
    async (lastEventId) => {
      // Generation 0 is before the vault's first: what happened until then is on no list.
      broker.vault.upsert("openai", key("k-1"));
      const reader = await open({ lastEventId });
      await reader.next();
      expect(kinds(reader)).toEqual(["snapshot"]);
    },
  );
});

describe("a reader of one provider", () => {
  test("gets no frame, no number and no id of another", async () => {
    const token = broker.issue({ providers: ["openai"] });
    const reader = await open({ token });
    await reader.next();
    broker.vault.upsert("anthropic", key("k-other"));
    broker.vault.upsert("openai", key("k-1"));
    await reader.next();
    expect(reader.frames.map(({ id }) => id)).toEqual(["1", "2"]);
    expect(JSON.stringify(reader.frames)).not.toContain("anthropic");
  });

  test("and one who leases get no API keys", async () => {
    broker.vault.upsert("openai", key("k-secret"));
    const byToken = await open({ token: broker.issue({ isLeaseOnly: true }) });
    const byHeader = await open({ headers: { "parley-broker-mode": "lease" } });
    for (const reader of [byToken, byHeader]) {
      await reader.next();
      broker.vault.upsert("openai", key(`k-secret-${Math.random()}`));
      await reader.next();
      expect(JSON.stringify(reader.frames)).not.toContain("k-secret");
      expect(JSON.stringify(reader.frames)).toContain("__leased__");
    }
  });
});

describe("ends", () => {
  test("within a second after its token was revoked, and for that token alone", async () => {
    const token = broker.issue({ name: "doomed" });
    const reader = await open({ token });
    const other = await open();
    await Promise.all([reader.next(), other.next()]);
    const startedAtMs = performance.now();
    broker.tokens.revoke("doomed");
    expect(await reader.next()).toBeUndefined();
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    broker.vault.upsert("openai", key("k-1"));
    await other.next();
  });

  test("when its token expires", async () => {
    const token = broker.issue({ expiresAtMs: Date.now() + 300 });
    const reader = await open({ token });
    await reader.next();
    expect(await reader.next()).toBeUndefined();
  });

  test("cleanly when the broker stops", async () => {
    const reader = await open();
    await reader.next();
    broker.app.close();
    expect(await reader.next()).toBeUndefined();
  });

  test("without the change when the change cannot be put on record", async () => {
    broker.close();
    let isFull = false;
    broker = brokerUnderTest({
      audit: {
        record: () =>
          isFull ? Promise.reject(new AuditUnavailable("disk full")) : Promise.resolve(),
      },
    });
    await server.stop({ graceMs: 0 });
    server = broker.listen();
    const reader = await open();
    await reader.next();
    isFull = true;
    broker.vault.upsert("openai", key("k-1"));
    expect(await reader.next()).toBeUndefined();
    const refused = await broker.ask("/v1/snapshot/stream");
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "audit_unavailable" });
  });
});

test("a change is on record once for each token, however many connections it has", async () => {
  const token = broker.issue({ name: "twice" });
  const readers = await Promise.all([open({ token }), open({ token }), open()]);
  for (const reader of readers) await reader.next();
  const { id } = broker.vault.upsert("openai", key("k-1"));
  for (const reader of readers) await reader.next();
  const records = broker.audit
    .recent({ sinceMs: 0, limit: 100 })
    .filter(({ action }) => action === "snapshot.stream");
  expect(records.map(({ actor, target }) => [actor, target]).toSorted()).toEqual([
    ["owner", `openai ${id}`],
    [expect.stringMatching(/^twice#\d+$/), `openai ${id}`],
  ]);
});

test("HEAD opens no stream", async () => {
  const response = await broker.ask("/v1/snapshot/stream", { method: "HEAD" });
  expect(response.status).toBe(404);
});
