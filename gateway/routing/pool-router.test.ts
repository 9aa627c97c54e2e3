// Which way a request takes, and which it takes next: scripted accounts, scripted failures, a clock that stands still.

import { expect, test } from "bun:test";
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from "fast-check";
import type { CredentialSource, HeldCredential } from "#broker/client";
import { createLogger, OutboundError } from "#platform";
import { type CredentialBlock, encodeCarrier, type FailureKind } from "#wire";
import { GatewayError, UpstreamFailed } from "../errors.ts";
import { formats } from "../formats/index.ts";
import { ModelCatalog } from "../models/catalog.ts";
import { UpstreamRefused } from "../pipeline/dispatch.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import { KeyLeases } from "../pipeline/lease.ts";
import type { Attempt, Route } from "../pipeline/route.ts";
import type { Settlement } from "../pipeline/settlement.ts";
import { bearer, type Provider } from "../providers/provider.ts";
import { MAX_REST_MS } from "./cool-downs.ts";
import { openRouter, type OpenRouterOptions } from "./open-router.ts";
import type { RoutesConfig } from "./route-table.ts";

const provider = (id: string): Provider => ({
  id,
  name: id,
  formats: ["chat"],
  baseUrl: "http://127.0.0.1:9",
  quirks: {},
  models: [{ id: "m" }, { id: "n" }],
  takesUnlistedModels: false,
  needsKey: true,
  takesGrants: true,
  authorize: bearer,
});

const apiKey = (id: number): HeldCredential => ({
  id,
  credential: { type: "api_key", key: `key-${id}` },
});

interface World {
  readonly accounts?: Readonly<Record<string, readonly HeldCredential[]>>;
  readonly routes?: RoutesConfig;
  readonly limits?: OpenRouterOptions["limits"];
  readonly source?: Partial<CredentialSource>;
}

class Stage {
  nowMs = 1_000_000;
  readonly told: [number, CredentialBlock][] = [];
  readonly #routing;
  readonly accounts: Record<string, readonly HeldCredential[]>;

  constructor({ accounts = { p: [apiKey(1), apiKey(2)] }, routes, limits, source }: World = {}) {
    this.accounts = { ...accounts };
    const credentials: CredentialSource = {
      entries: (id) => this.accounts[id] ?? [],
      fresh: () => Promise.reject(new Error("not asked")),
      block: async (id, block) => void this.told.push([id, block]),
      ...source,
    };
    const leases = new KeyLeases({
      providers: {},
      broker: credentials,
      environmentKeys: new Map(),
      env: {},
      exchanged: { take: () => Promise.reject(new Error("not asked")) },
    });
    const catalog = new ModelCatalog([provider("p"), provider("q")], {
      isUsable: (one) => leases.hasKey(one),
      ...(routes && { routes }),
    });
    this.#routing = openRouter({
      catalog,
      leases,
      credentials,
      limits: limits ?? { maxAttempts: 3, failoverTimeoutMs: 60_000 },
      nowMs: () => this.nowMs,
      log: createLogger({ level: "error", write: () => {} }),
    });
  }

  ask({
    model = "p/m",
    session,
    body = {},
  }: { model?: string; session?: string; body?: unknown } = {}) {
    const exchange: Exchange = {
      id: "req_1",
      caller: { id: "c", name: "c" },
      format: formats.chat,
      headers: new Headers(session ? { "x-parley-session": session } : {}),
      query: "",
      signal: new AbortController().signal,
      startedAtMs: this.nowMs,
      log: createLogger({ level: "error", write: () => {} }),
      trail: [],
      release: () => {},
    };
    const bytes = Buffer.from(JSON.stringify(body));
    return { route: this.#routing.router.begin({ model, exchange, bytes }), trail: exchange.trail };
  }

  /** Plays a request to its end; a key without an answer in the script serves. */
  async play(
    answers: Readonly<Record<string, GatewayError>>,
    asked: Parameters<Stage["ask"]>[0] = {},
  ) {
    const { route, trail } = this.ask(asked);
    const tried: string[] = [];
    for (let attempt = await route.next(); attempt; attempt = await route.next()) {
      const { key } = attempt.lease;
      tried.push(key);
      const error = answers[key];
      if (!error) {
        route.served(attempt);
        return { tried, served: key, trail };
      }
      route.failed(attempt, error);
      if (tried.length > 20) throw new Error("endless");
    }
    return { tried, refusal: route.refusal(new Error("none")), trail };
  }

  settle(settlement: Pick<Settlement, "outcome" | "model" | "credentialId" | "failureKind">) {
    this.#routing.observe({
      keySource: "broker",
      requestId: "req_1",
      caller: { id: "c", name: "c" },
      format: "chat",
      isStream: true,
      asked: "p/m",
      status: 200,
      startedAtMs: 0,
      elapsedMs: 0,
      trail: [],
      attempts: [],
      ...settlement,
    });
  }
}

function refused(status: number, kind: FailureKind, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ error: { message: `${status} of the upstream` } });
  const failure = { kind, message: `${status} of the upstream` };
  return new UpstreamRefused(failure, { format: "chat", status, body, headers });
}

const limited = (seconds = 30) =>
  refused(429, "rate_limited", { "retry-after": String(seconds), "x-request-id": "req_other" });
const overloaded = refused(503, "overloaded");
const reset = new UpstreamFailed(
  { kind: "bad_gateway", message: "broke" },
  { cause: new OutboundError("connection_reset", "host", "broke") },
);

test("equal accounts take turns, and a refusal of one is answered by the other", async () => {
  const stage = new Stage();
  expect([(await stage.play({})).served, (await stage.play({})).served]).toEqual([
    "key-1",
    "key-2",
  ]);
  const { tried, served, trail } = await stage.play({ "key-1": limited() });
  expect({ tried, served }).toEqual({ tried: ["key-1", "key-2"], served: "key-2" });
  expect(trail).toContain("p/m with key broker 1 rests for 30 s: limited");
});

test.each([
  ["429", limited()],
  ["529", refused(529, "overloaded")],
  ["500", refused(500, "internal")],
  ["502", refused(502, "bad_gateway")],
  ["504", refused(504, "timeout")],
  ["401", refused(401, "upstream_auth")],
  ["402", refused(402, "billing")],
  ["403", refused(403, "forbidden")],
  ["a used-up balance behind a 400", refused(400, "billing")],
  ["a broken connection", reset],
  ["an error as a stream's first event", new UpstreamFailed({ kind: "overloaded", message: "x" })],
])("%s moves on to a sibling", async (_name, error) => {
  const { tried, served } = await new Stage().play({ "key-1": error });
  expect({ tried, served }).toEqual({ tried: ["key-1", "key-2"], served: "key-2" });
});

test.each([
  ["400", refused(400, "bad_request")],
  ["a 404 that is not about the model", refused(404, "not_found")],
  ["413", refused(413, "too_large")],
  ["422", refused(422, "bad_request")],
  ["too long a prompt", refused(400, "too_long")],
  ["a 400 that calls itself overloaded", refused(400, "overloaded")],
  [
    "content policy",
    new UpstreamRefused(
      { kind: "forbidden", message: "flagged by our content policy" },
      { format: "chat", status: 403, body: "{}", headers: {} },
    ),
  ],
])("%s is the caller's answer, and nobody rests for it", async (_name, error) => {
  const stage = new Stage();
  const { tried, refusal } = await stage.play({ "key-1": error });
  expect(tried).toEqual(["key-1"]);
  expect(refusal).toBe(error);
  expect((await stage.play({})).served).toBe("key-2");
  expect((await stage.play({})).served).toBe("key-1");
});

test.each([404, 400, 403])(
  "a model that one account does not have (%d) is asked of another, and nobody rests for it",
  async (status) => {
    const unknown = refused(status, "unknown_model");
    const stage = new Stage();
    const { tried, served, trail } = await stage.play({ "key-1": unknown });
    expect({ tried, served }).toEqual({ tried: ["key-1", "key-2"], served: "key-2" });
    expect(trail).toContain("p/m with key broker 1 has no such model");
    const after = [await stage.play({}), await stage.play({})];
    expect(after.map((one) => one.served).toSorted()).toEqual(["key-1", "key-2"]);
    const nobody = await stage.play({ "key-1": unknown, "key-2": unknown });
    expect(nobody.refusal).toBe(unknown);
    expect(stage.told).toEqual([]);
    const soon = limited(5);
    expect((await stage.play({ "key-1": unknown, "key-2": soon })).refusal).toBe(soon);
  },
);

test("reasoning that an account cannot read goes without, to the same account and once", async () => {
  const sealed = new UpstreamRefused(
    { kind: "bad_request", message: "could not be verified", code: "invalid_encrypted_content" },
    { format: "responses", status: 400, body: "{}", headers: {} },
  );
  const play = async (maxAttempts: number) => {
    const stage = new Stage({ limits: { maxAttempts, failoverTimeoutMs: 60_000 } });
    const { route } = stage.ask();
    const tried: [string, boolean][] = [];
    for (let attempt = await route.next(); attempt; attempt = await route.next()) {
      tried.push([attempt.lease.key, attempt.isUnsealed ?? false]);
      route.failed(attempt, sealed);
    }
    return { tried, refusal: route.refusal(new Error("none")) };
  };
  const { tried, refusal } = await play(3);
  expect(tried).toEqual([
    ["key-1", false],
    ["key-1", true],
  ]);
  expect(refusal).toBe(sealed);
  expect((await play(1)).tried).toEqual([["key-1", false]]);
});

test("when none is left the caller gets the refusal that says when to come back soonest", async () => {
  const stage = new Stage({ accounts: { p: [apiKey(1), apiKey(2), apiKey(3)] } });
  const soonest = limited(5);
  const { refusal, tried } = await stage.play({
    "key-1": limited(60),
    "key-2": soonest,
    "key-3": overloaded,
  });
  expect(tried).toHaveLength(3);
  expect(refusal).toBe(soonest);
});

test("an account rests as long as it said, for that model only, and then is asked again", async () => {
  const stage = new Stage();
  await stage.play({ "key-1": limited(30) });
  const during = [await stage.play({}), await stage.play({}), await stage.play({})];
  expect(during.map(({ served }) => served)).toEqual(["key-2", "key-2", "key-2"]);
  const others = [await stage.play({}, { model: "p/n" }), await stage.play({}, { model: "p/n" })];
  expect(others.map(({ served }) => served).toSorted()).toEqual(["key-1", "key-2"]);
  stage.nowMs += 30_000;
  const after = [await stage.play({}), await stage.play({})];
  expect(after.map(({ served }) => served).toSorted()).toEqual(["key-1", "key-2"]);
});

test("a bad key rests for every model", async () => {
  const stage = new Stage();
  await stage.play({ "key-1": refused(401, "upstream_auth") });
  expect((await stage.play({}, { model: "p/n" })).served).toBe("key-2");
  expect((await stage.play({}, { model: "p/n" })).served).toBe("key-2");
});

test("an account whose whole allowance is used rests for every model", async () => {
  const stage = new Stage();
  const headers = {
    "retry-after": "600",
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
  };
  await stage.play({ "key-1": refused(429, "rate_limited", headers) });
  expect((await stage.play({}, { model: "p/n" })).served).toBe("key-2");
});

test("while all rest one request asks, and the others hear the last refusal with what is left to wait", async () => {
  const stage = new Stage({ accounts: { p: [apiKey(1)] } });
  await stage.play({ "key-1": limited(30) });
  stage.nowMs += 10_000;
  const asking = stage.ask();
  const attempt = await asking.route.next();
  expect(attempt?.lease.key).toBe("key-1");
  expect(asking.trail).toContain("all rest: ask one of them");
  const other = stage.ask();
  const refusal = await other.route.next().catch((error: unknown) => error);
  if (!(refusal instanceof UpstreamRefused)) throw new Error("expected the last refusal");
  expect(refusal).toMatchObject({ status: 429, headers: { "retry-after": "20" } });
  expect(refusal.headers["x-request-id"]).toBeUndefined();
  if (attempt) asking.route.served(attempt);
  expect((await stage.play({})).served).toBe("key-1");
});

test("a caller who leaves, or is refused, keeps nobody waiting", async () => {
  const stage = new Stage({ accounts: { p: [apiKey(1)] } });
  await stage.play({ "key-1": limited(30) });
  const { route } = stage.ask();
  await route.next();
  route.ended();
  expect((await stage.play({})).served).toBe("key-1");
});

test("a limit that was to last for days is asked about again within a quarter of an hour", async () => {
  const stage = new Stage();
  await stage.play({ "key-1": limited(1_600_000) });
  stage.nowMs += MAX_REST_MS;
  const served = [await stage.play({}), await stage.play({})].map((one) => one.served);
  expect(served).toContain("key-1");
});

test("a conversation stays where its cache is, against priority, until the account rests or it is cold", async () => {
  const routes = {
    best: [
      { model: "p/m", priority: 0, weight: 1 },
      { model: "q/m", priority: 1, weight: 1 },
    ],
  };
  const stage = new Stage({ accounts: { p: [apiKey(1)], q: [apiKey(9)] }, routes });
  const turn = (answers = {}) => stage.play(answers, { model: "best", session: "s" });
  expect((await turn()).served).toBe("key-1");
  expect((await turn({ "key-1": limited(30) })).served).toBe("key-9");
  stage.nowMs += 31_000;
  // The better account is back, but the conversation is warm elsewhere.
  const kept = await turn();
  expect(kept.served).toBe("key-9");
  expect(kept.trail).toContain("keep the conversation (by header) on q/m with key broker 9");
  expect((await stage.play({}, { model: "best", session: "other" })).served).toBe("key-1");
  stage.nowMs += 60 * 60_000;
  expect((await turn()).served).toBe("key-1");
});

test("conversations are spread over equals and each stays put", async () => {
  const stage = new Stage();
  const sessions = Array.from({ length: 20 }, (_, index) => `s-${index}`);
  const firsts = new Map<string, string | undefined>();
  for (const session of sessions) firsts.set(session, (await stage.play({}, { session })).served);
  expect([...firsts.values()].filter((key) => key === "key-1")).toHaveLength(10);
  for (const session of sessions.toReversed()) {
    expect((await stage.play({}, { session })).served).toBe(firsts.get(session));
  }
});

test("state that only one provider understands goes back to it", async () => {
  const routes = {
    best: [
      { model: "p/m", priority: 0, weight: 1 },
      { model: "q/m", priority: 1, weight: 1 },
    ],
  };
  const stage = new Stage({ accounts: { p: [apiKey(1)], q: [apiKey(9)] }, routes });
  const carrier = encodeCarrier({
    format: "messages",
    kind: "signature",
    data: "s",
    provider: "q",
  });
  const body = { messages: [{ role: "assistant", reasoning_details: [{ signature: carrier }] }] };
  expect((await stage.play({}, { model: "best", body })).served).toBe("key-9");
});

test("a route's credentials and weights are kept to", async () => {
  const routes = {
    mine: [{ model: "p/m", priority: 0, weight: 1, credentials: [2] }],
    shared: [
      { model: "p/m", priority: 0, weight: 3, credentials: [1] },
      { model: "p/m", priority: 0, weight: 1, credentials: [2] },
    ],
  };
  const stage = new Stage({ routes });
  expect((await stage.play({ "key-2": limited() }, { model: "mine" })).tried).toEqual(["key-2"]);
  const fresh = new Stage({ routes });
  const served = [];
  for (let count = 0; count < 8; count++) {
    served.push((await fresh.play({}, { model: "shared" })).served);
  }
  expect(served.filter((key) => key === "key-1")).toHaveLength(6);
});

test("a model without any account says so", async () => {
  const { route } = new Stage({ accounts: {} }).ask();
  await expect(route.next()).rejects.toMatchObject({ code: "no_credential" });
});

test("cool-downs are told to the other gateways, once, and theirs are respected and disproved", async () => {
  const stage = new Stage();
  await stage.play({ "key-1": limited(30) });
  await Bun.sleep(0);
  const block = { providerKey: "p", blockScope: "model:m", blockedUntilMs: stage.nowMs + 30_000 };
  expect(stage.told).toEqual([[1, block]]);

  const elsewhere = new Stage();
  elsewhere.accounts["p"] = [{ ...apiKey(1), blocks: [block] }, apiKey(2)];
  expect((await elsewhere.play({})).served).toBe("key-2");
  expect((await elsewhere.play({})).served).toBe("key-2");
  elsewhere.accounts["p"] = [{ ...apiKey(1), blocks: [block] }];
  expect((await elsewhere.play({})).served).toBe("key-1");
  await Bun.sleep(0);
  expect(elsewhere.told).toEqual([[1, { ...block, blockedUntilMs: elsewhere.nowMs }]]);
  elsewhere.accounts["p"] = [{ ...apiKey(1), blocks: [block] }, apiKey(2)];
  const served = [await elsewhere.play({}), await elsewhere.play({})].map((one) => one.served);
  expect(served.toSorted()).toEqual(["key-1", "key-2"]);
});

test("a block of days that another client set is asked about within a quarter of an hour", async () => {
  const stage = new Stage();
  const blockedUntilMs = stage.nowMs + 86_400_000 * 5;
  const blocks = [{ providerKey: "p", blockScope: "", blockedUntilMs }];
  stage.accounts["p"] = [{ ...apiKey(1), blocks }, apiKey(2)];
  expect((await stage.play({})).served).toBe("key-2");
  stage.nowMs += MAX_REST_MS + 1;
  const served = [await stage.play({}), await stage.play({})].map((one) => one.served);
  expect(served).toContain("key-1");
});

test("a broker that cannot be told delays and fails nothing", async () => {
  const stage = new Stage({ source: { block: () => Promise.reject(new Error("away")) } });
  expect((await stage.play({ "key-1": limited() })).served).toBe("key-2");
  await Bun.sleep(0);
});

test("a login whose token is refused is renewed once, then its sibling serves", async () => {
  const grant = { type: "oauth", refresh: "__remote__", expires: 9e15 } as const;
  let access = "old";
  let renewals = 0;
  const source: Partial<CredentialSource> = {
    fresh: async () => ({ ...grant, access }),
    refresh: async () => {
      renewals += 1;
      access = `new-${renewals}`;
      return { credential: { ...grant, access } };
    },
  };
  const accounts = { p: [{ id: 1, credential: { ...grant, access } }] };
  const unauthorized = refused(401, "upstream_auth");
  const stage = new Stage({ accounts, source });
  const renewed = await stage.play({ old: unauthorized });
  expect(renewed).toMatchObject({ tried: ["old", "new-1"], served: "new-1" });
  const revoked = await stage.play({ "new-1": unauthorized, "new-2": unauthorized });
  expect(revoked.tried).toEqual(["new-1", "new-2"]);
  expect(revoked.refusal).toBe(unauthorized);
});

test("a login that cannot be renewed gives way to its sibling", async () => {
  const grant = { type: "oauth", refresh: "__remote__", access: "a", expires: 0 } as const;
  const accounts = {
    p: [
      { id: 1, credential: grant },
      { id: 2, credential: { ...grant, access: "b" } },
    ],
  };
  const fresh = async (id: number) => {
    if (id === 1) throw new Error("gone");
    return { ...grant, access: "b" };
  };
  const stage = new Stage({ accounts, source: { fresh } });
  expect((await stage.play({})).tried).toEqual(["b"]);
});

test("an answer that breaks off counts against its account", async () => {
  const stage = new Stage();
  const model = { id: "p/m", provider: provider("p"), model: { id: "m" } };
  stage.settle({ outcome: "failed", model, credentialId: 1, failureKind: "overloaded" });
  expect((await stage.play({})).served).toBe("key-2");
  expect((await stage.play({})).served).toBe("key-2");
  stage.nowMs += 1_000;
  stage.settle({ outcome: "completed", model, credentialId: 2 });
  stage.settle({ outcome: "failed", model, credentialId: 2, failureKind: "bad_request" });
  const served = [await stage.play({}), await stage.play({})].map((one) => one.served);
  expect(served.toSorted()).toEqual(["key-1", "key-2"]);
});

test("no other way is begun after the time for it", async () => {
  const stage = new Stage();
  const { route } = stage.ask();
  const attempt = await route.next();
  stage.nowMs += 60_000;
  if (attempt) route.failed(attempt, overloaded);
  expect(await route.next()).toBeUndefined();
  expect(route.refusal(undefined)).toBe(overloaded);
});

/** How many calls an attempt costs at worst: a broken connection is repeated below. */
function cost({ maxCalls }: Attempt, error: GatewayError | undefined): number {
  return error === reset ? maxCalls : 1;
}

async function spend(route: Route, answers: readonly (GatewayError | undefined)[]) {
  let calls = 0;
  for (const error of [...answers, undefined]) {
    const attempt = await route.next().catch(() => undefined);
    if (!attempt) return calls;
    calls += cost(attempt, error);
    if (!error) {
      route.served(attempt);
      return calls;
    }
    route.failed(attempt, error);
  }
  return calls;
}

test("whatever fails however, no request costs more calls than were allowed", async () => {
  const failure = constantFrom<(GatewayError | undefined)[]>(
    undefined,
    limited(1),
    limited(600),
    overloaded,
    reset,
    refused(401, "upstream_auth"),
    refused(400, "bad_request"),
    refused(500, "internal"),
  );
  const requests = array(
    record({ answers: array(failure, { maxLength: 12 }), pauseMs: nat(40_000) }),
    { minLength: 1, maxLength: 15 },
  );
  const world = record({
    accounts: integer({ min: 1, max: 8 }),
    maxAttempts: integer({ min: 1, max: 10 }),
    requests,
  });
  await assert(
    asyncProperty(world, async ({ accounts, maxAttempts, requests: all }) => {
      const stage = new Stage({
        accounts: { p: Array.from({ length: accounts }, (_, index) => apiKey(index + 1)) },
        limits: { maxAttempts, failoverTimeoutMs: 60_000 },
      });
      for (const { answers, pauseMs } of all) {
        expect(await spend(stage.ask().route, answers)).toBeLessThanOrEqual(maxAttempts);
        stage.nowMs += pauseMs;
      }
    }),
    { numRuns: 300 },
  );
});
