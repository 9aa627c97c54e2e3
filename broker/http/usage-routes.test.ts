// The usage routes as clients meet them: shapes, refusals, and what a token of one provider can learn.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { UsageClients, UsageHistory, UsageReports } from "#wire";
import { MAX_ROWS_PER_INSTALL } from "../usage/observed-usage.ts";
import { describeProvider, grant, ScriptedProvider } from "../usage/usage-under-test.ts";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";
import { RECORD_INTERVAL_MS } from "./usage-routes.ts";

let acme: ScriptedProvider;
let other: ScriptedProvider;
let broker: BrokerUnderTest;
let nowMs: number;

beforeEach(() => {
  nowMs = Date.UTC(2026, 10, 20);
  acme = new ScriptedProvider();
  other = new ScriptedProvider();
  const usageProviders = [describeProvider("acme", acme.url), describeProvider("other", other.url)];
  broker = brokerUnderTest({ usageProviders, nowMs: () => nowMs });
});

afterEach(async () => {
  broker.close();
  await Promise.all([acme.stop(), other.stop()]);
});

async function get(path: string, token?: string): Promise<unknown> {
  const response = await broker.ask(path, { token: token ?? broker.ownerToken });
  expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
  return response.json();
}

async function post(path: string, body?: unknown, token?: string): Promise<[number, unknown]> {
  const asked = { method: "POST", body, token: token ?? broker.ownerToken };
  const response = await broker.ask(path, asked);
  return [response.status, await response.json()];
}

const observation = (provider: string) => ({
  at: nowMs,
  provider,
  model: "m",
  requests: 1,
  inputTokens: 1,
  outputTokens: 1,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0.5,
});

const upload = (...providers: string[]) => ({
  installId: "install-1",
  hostname: "host",
  app: "agent",
  entries: providers.map(observation),
});

describe("answers", () => {
  test("of reports and history are the protocol's, without a secret", async () => {
    broker.vault.upsert("acme", grant("a"));
    const found = await get("/v1/usage");
    const { generatedAt, reports } = UsageReports.parse(found);
    expect(generatedAt).toBe(nowMs);
    expect(reports.map((report) => report.limits[0]?.amount.usedFraction)).toEqual([0.25]);
    const past = await get(`/v1/usage/history?sinceMs=${nowMs}&provider=acme`);
    expect(UsageHistory.parse(past).entries).toMatchObject([
      { provider: "acme", email: "a@example.test", usedFraction: 0.25 },
    ]);
    expect(await get(`/v1/usage/history?sinceMs=${nowMs + 1}`)).toMatchObject({ entries: [] });
    expect(JSON.stringify([found, past]) + broker.logged.join("")).not.toContain("canary");
  });

  test("of clients add up what they reported", async () => {
    expect(await post("/v1/usage/observed", upload("acme", "acme"))).toEqual([200, { ok: true }]);
    const { clients } = UsageClients.parse(await get("/v1/usage/clients?sinceMs=0"));
    expect(clients).toMatchObject([
      { installId: "install-1", providers: [{ app: "agent", provider: "acme", requests: 2 }] },
    ]);
  });

  test("to limits and staleness are ok, and have their effect", async () => {
    const { id } = broker.vault.upsert("acme", grant("a"));
    const headers = { "x-percent": "77", "x-unknown_header": "1" };
    expect(await post(`/v1/credential/${id}/limits`, { headers })).toEqual([200, { ok: true }]);
    await get("/v1/usage");
    expect(acme.asked.length).toBe(1);
    nowMs += 61_000;
    expect(await post("/v1/usage/stale")).toEqual([200, { ok: true }]);
    await get("/v1/usage");
    expect(acme.asked.length).toBe(2);
  });
});

test.each([
  ["/v1/usage/observed", { entries: [] }, "installId: "],
  ["/v1/usage/observed", { installId: "i", entries: [{ provider: "p" }] }, "entries.0.at: "],
  ["/v1/usage/observed", { installId: "i", entries: [], more: 1 }, "body: "],
  ["/v1/usage/observed", undefined, "body: empty"],
  ["/v1/credential/1/limits", { headers: { "X-Upper": "1" } }, "headers.X-Upper: "],
  ["/v1/credential/1/limits", { headers: { a: 1 } }, "headers.a: "],
])("POST %s with %j is a 400 that names the place", async (path, body, place) => {
  const [status, answer] = await post(path, body);
  expect([status, JSON.stringify(answer)]).toEqual([400, expect.stringContaining(place)]);
});

test("a client that makes up providers is refused in words, and nothing of it is counted", async () => {
  const names = Array.from({ length: MAX_ROWS_PER_INSTALL + 1 }, (_, i) => `p-${i}`);
  const [status, answer] = await post("/v1/usage/observed", upload(...names));
  expect([status, answer]).toMatchObject([409, { code: "usage_clients_full" }]);
  expect(await get("/v1/usage/clients")).toMatchObject({ clients: [] });
});

test.each(["soon", "-1", "1.5", "1e3"])("sinceMs=%s is a 400", async (since) => {
  for (const path of ["history", "clients"]) {
    const response = await broker.ask(`/v1/usage/${path}?sinceMs=${since}`);
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining("sinceMs"),
    ]);
  }
});

describe("a token", () => {
  test("without the permission gets nothing and causes nothing", async () => {
    const { id } = broker.vault.upsert("acme", grant("a"));
    const token = broker.issue({ permissions: ["snapshot", "refresh", "write"] });
    for (const path of ["/v1/usage", "/v1/usage/history", "/v1/usage/clients"]) {
      expect((await broker.ask(path, { token })).status).toBe(403);
    }
    for (const path of ["/v1/usage/observed", "/v1/usage/stale", `/v1/credential/${id}/limits`]) {
      expect((await broker.ask(path, { token, method: "POST", body: {} })).status).toBe(403);
    }
    expect(acme.asked).toEqual([]);
  });

  test("of one provider gets the very answers of a broker that has no other", async () => {
    const token = broker.issue({ permissions: ["usage"], providers: ["acme"] });
    const told = async () => [
      await get("/v1/usage", token),
      await get("/v1/usage/history", token),
      await get("/v1/usage/clients", token),
      await get("/v1/usage/history?provider=other", token),
    ];
    broker.vault.upsert("acme", grant("a"));
    await post("/v1/usage/observed", upload("acme"));
    const alone = await told();
    const { id } = broker.vault.upsert("other", grant("b"));
    await post("/v1/usage/observed", { ...upload("other"), hostname: "renamed" });
    await post("/v1/usage/observed", { ...upload("other"), installId: "install-2" });
    await get("/v1/usage");
    expect(other.asked.length).toBe(1);
    expect(await told()).toEqual(alone);

    const headers = { "x-percent": "99" };
    const hidden = await post(`/v1/credential/${id}/limits`, { headers }, token);
    const absent = await post("/v1/credential/999/limits", { headers }, token);
    expect(hidden).toEqual(absent);
    expect(hidden[0]).toBe(404);
    expect(await post("/v1/usage/observed", upload("other"), token)).toEqual([200, { ok: true }]);
    nowMs += 61_000;
    await post("/v1/usage/stale", undefined, token);
    await get("/v1/usage");
    expect(other.asked.length).toBe(1);
    const { clients } = UsageClients.parse(await get("/v1/usage/clients"));
    const counted = clients.flatMap(({ providers }) => providers).map((each) => each.requests);
    expect(counted).toEqual([1, 1, 1]);
  });
});

test("the log of who did what has one record an hour of each routine request", async () => {
  const actions = () =>
    broker.audit
      .recent({ sinceMs: 0, limit: 99 })
      .map(({ action, target }) => `${action} ${target}`)
      .toSorted();
  for (let i = 0; i < 3; i++) {
    await get("/v1/usage");
    await post("/v1/usage/observed", upload("acme"));
  }
  expect(actions()).toEqual(["usage.read reports", "usage.report observed"]);
  nowMs += RECORD_INTERVAL_MS;
  await get("/v1/usage");
  expect(actions().length).toBe(3);
});
