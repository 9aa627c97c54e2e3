// Every route with every permission, inside and outside of the caller's providers: the list of routes is walked, so
// that a new one is tried here without being remembered.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AuditUnavailable } from "../access/access-errors.ts";
import { PERMISSIONS, type Permission } from "../access/permissions.ts";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";

const UNKNOWN_ID = 7;

const CANARY_GRANT = { refresh: "canary-r", access: "canary-a", expires: 9e12 };

let broker: BrokerUnderTest;

beforeAll(() => {
  broker = brokerUnderTest({ logLevel: "silent" });
});

afterAll(() => broker.close());

/** A body that each route takes; a route without one is a route that was forgotten. */
const BODIES: Readonly<Record<string, unknown>> = {
  "GET /v1/snapshot": undefined,
  "GET /v1/snapshot/stream": undefined,
  "POST /v1/credential": { provider: "openai", credential: { type: "api_key", key: "k-upload" } },
  "POST /v1/credential/:id/disable": { cause: "test" },
  "GET /v1/credentials/disabled": undefined,
  "POST /v1/credential/:id/refresh": undefined,
  "POST /v1/credential/:id/block": { providerKey: "openai", blockScope: "m", blockedUntilMs: 9e12 },
  "DELETE /v1/credential/:id/blocks": undefined,
  "POST /v1/credential/:id/lease": undefined,
  "GET /v1/usage": undefined,
  "GET /v1/usage/history": undefined,
  "GET /v1/usage/clients": undefined,
  "POST /v1/usage/observed": { installId: "test", entries: [] },
  "POST /v1/usage/stale": undefined,
  "POST /v1/credential/:id/limits": { headers: { "x-ratelimit-limit-requests": "10" } },
  "GET /metrics": undefined,
};

/** What is answered to a caller who may; everything else is 200. */
const OTHERWISE: Readonly<Record<string, number>> = { "POST /v1/credential/:id/refresh": 502 };

const routes = () =>
  broker.app.routes.map(({ method, path, permission }) => ({
    name: `${method} ${path}`,
    method,
    path,
    permission,
  }));

let stored = 0;
function store(provider: string): number {
  stored += 1;
  const grant = { refresh: `r-${stored}`, access: `canary-${stored}`, expires: 9e12 };
  return broker.vault.upsert(provider, { type: "oauth", ...grant }).id;
}

function ask({ name, method, path }: ReturnType<typeof routes>[number], token: string, id: number) {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(5_000);
  const options = { method, token, headers, body: BODIES[name], signal };
  return broker.ask(path.replace(":id", String(id)), options);
}

async function shown(response: Response): Promise<[number, unknown]> {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (isStream) {
    await response.body?.cancel();
    return [response.status, "stream"];
  }
  return [response.status, await response.text()];
}

test("every route that is served has a body to try it with", () => {
  expect(
    routes()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(Object.keys(BODIES).toSorted());
});

test("without a token every route is the same 401, and so is one that is not there", async () => {
  const paths = [...routes(), { method: "GET", path: "/v1/nope" }];
  for (const [n, { method, path }] of paths.entries()) {
    // An address each: after ten failures one is told to wait.
    const answer = await broker.ask(path, { method, token: "", address: `198.51.100.${n}` });
    expect(await shown(answer)).toEqual([401, '{"error":"unauthorized"}']);
  }
});

describe.each([...PERMISSIONS])("a token with %s alone", (permission: Permission) => {
  test("opens the routes that need it, and is told which permission the others need", async () => {
    const token = broker.issue({ permissions: [permission] });
    for (const route of routes()) {
      const [status, text] = await shown(await ask(route, token, store("openai")));
      const isOpen = permission === "admin" || permission === route.permission;
      if (isOpen) {
        expect([route.name, status]).toEqual([route.name, OTHERWISE[route.name] ?? 200]);
      } else {
        expect([route.name, status]).toEqual([route.name, 403]);
        expect(JSON.parse(String(text))).toEqual({
          error: `this token lacks the permission "${route.permission}"`,
          code: "forbidden",
        });
      }
    }
  });

  test("sees no secret unless it may read snapshots", async () => {
    const token = broker.issue({ permissions: [permission] });
    const isReader = permission === "admin" || permission === "snapshot";
    for (const route of routes().filter(({ name }) => !name.includes("stream"))) {
      const [, text] = await shown(await ask(route, token, store("openai")));
      if (!isReader) expect(`${route.name} ${text}`).not.toContain("canary-");
      expect(`${route.name} ${text}`).not.toContain('"r-');
    }
  });
});

test("a credential out of scope is the same to the byte as one that does not exist", async () => {
  const token = broker.issue({ providers: ["openai"] });
  for (const route of routes().filter(({ path }) => path.includes(":id"))) {
    const foreign = await ask(route, token, store("anthropic"));
    const unknown = await ask(route, token, UNKNOWN_ID);
    expect(foreign.status).toBe(404);
    expect([...foreign.headers]).toEqual([...unknown.headers]);
    expect(await shown(foreign)).toEqual(await shown(unknown));
  }
  const actions = broker.audit.recent({ sinceMs: 0, limit: 2 });
  expect(actions.map(({ outcome, detail }) => [outcome, detail])).toEqual([
    ["refused", "404"],
    ["refused", "404"],
  ]);
});

test("a disabled credential, a malformed id and an id of another kind are unknown too", async () => {
  const id = store("openai");
  broker.vault.disable(id, "test");
  const route = routes().find(({ name }) => name === "POST /v1/credential/:id/lease");
  if (!route) throw new Error("no such route");
  const answers = [];
  for (const odd of [id, 0, -1, 1.5, Number.NaN, 1e21]) {
    answers.push(await shown(await ask(route, broker.ownerToken, odd)));
  }
  const encoded = await broker.ask("/v1/credential/%2e%2e%2f/lease", { method: "POST" });
  answers.push(await shown(encoded));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(answers[0]?.[0]).toBe(404);
});

test("a token of some providers may neither upload for another nor read what counts them all", async () => {
  const token = broker.issue({ providers: ["openai"] });
  const body = { provider: "anthropic", credential: { type: "api_key", key: "k" } };
  const upload = await broker.ask("/v1/credential", { method: "POST", token, body });
  expect([upload.status, await upload.json()]).toMatchObject([403, { code: "forbidden" }]);
  const metrics = await broker.ask("/metrics", { token });
  expect([metrics.status, await metrics.json()]).toMatchObject([403, { code: "forbidden" }]);
});

test("the same address is told to wait after ten wrong tokens, and the right one still passes", async () => {
  const statuses: number[] = [];
  const address = "203.0.113.7";
  for (let n = 0; n < 11; n += 1) {
    statuses.push((await broker.ask("/v1/snapshot", { token: "plb_wrong", address })).status);
  }
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429]);
  const refused = await broker.ask("/v1/snapshot", { token: "plb_wrong", address });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await broker.ask("/v1/snapshot", { address })).status).toBe(200);
});

test("while the audit log cannot be written no route does or tells anything", async () => {
  const audit = { record: () => Promise.reject(new AuditUnavailable("disk full")) };
  const silenced = brokerUnderTest({ logLevel: "silent", audit });
  const { id } = silenced.vault.upsert("openai", { type: "oauth", ...CANARY_GRANT });
  const { generation } = silenced.vault;
  for (const { name, method, path } of routes()) {
    const body = BODIES[name];
    const answer = await silenced.ask(path.replace(":id", String(id)), { method, body });
    const text = await answer.text();
    expect([name, answer.status]).toEqual([name, 503]);
    expect(JSON.parse(text)).toMatchObject({ code: "audit_unavailable" });
    expect(text).not.toContain("canary");
  }
  expect(silenced.vault.generation).toBe(generation);
  silenced.close();
});
