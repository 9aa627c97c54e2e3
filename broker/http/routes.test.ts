// What each route does to the vault and answers, beyond who may use it.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CredentialLeased, CredentialRefreshed, DisabledCredentials } from "#wire";
import { RefreshError, type RefreshErrorCode } from "../refresh/refresh-error.ts";
import { NO_REFRESHER } from "../refresh/schedule.ts";
import type { StoredCredential } from "../vault/vault.ts";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";
import { MAX_BLOCKS } from "./block-routes.ts";
import { LEASE_TTL_MS } from "./lease-route.ts";

const NOW_MS = 1_000;
const GRANT = { type: "oauth", refresh: "canary-r", access: "a-1", expires: 9e12 } as const;

let broker: BrokerUnderTest;
let nowMs: number;
let refresh: (id: number) => Promise<StoredCredential>;

beforeEach(() => {
  nowMs = NOW_MS;
  broker = brokerUnderTest({
    nowMs: () => nowMs,
    refresher: { refresh: (id) => refresh(id), schedule: () => NO_REFRESHER },
  });
});

afterEach(() => broker.close());

const post = (path: string, body?: unknown) => broker.ask(path, { method: "POST", body });
const key = (text: string) => ({ type: "api_key", key: text }) as const;

async function snapshotEntries(): Promise<Record<string, unknown>[]> {
  const { credentials } = (await (await broker.ask("/v1/snapshot")).json()) as {
    credentials: Record<string, unknown>[];
  };
  return credentials;
}

describe("a lease", () => {
  test("of an API key lasts fifteen minutes, also for a client that gets no keys for good", async () => {
    const { id } = broker.vault.upsert("openai", key("k-1"));
    const token = broker.issue({ isLeaseOnly: true });
    const answer = await broker.ask(`/v1/credential/${id}/lease`, { method: "POST", token });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(CredentialLeased.parse(await answer.json())).toEqual({
      lease: {
        id,
        provider: "openai",
        credential: key("k-1"),
        leasedUntilMs: NOW_MS + LEASE_TTL_MS,
      },
    });
  });

  test("of a grant ends with its access token, and holds no refresh token", async () => {
    const { id } = broker.vault.upsert("openai", GRANT);
    const text = await (await post(`/v1/credential/${id}/lease`)).text();
    expect(text).not.toContain("canary-r");
    expect(JSON.parse(text).lease).toMatchObject({ leasedUntilMs: GRANT.expires });
  });
});

describe("disabling", () => {
  test("leaves a tombstone with cause, time and account, told to those of its provider", async () => {
    const { id } = broker.vault.upsert("openai", { ...GRANT, email: "a@b.test" });
    const other = broker.vault.upsert("mcp:x", { ...GRANT, refresh: "r-2", accountId: "acc" }).id;
    await post(`/v1/credential/${id}/disable`, { cause: "left the team" });
    await post(`/v1/credential/${other}/disable`);
    const answer = await broker.ask("/v1/credentials/disabled?provider=openai");
    const disabled = {
      id,
      provider: "openai",
      type: "oauth",
      cause: "left the team",
      disabledAtMs: NOW_MS,
      email: "a@b.test",
    };
    const expected = { generatedAt: NOW_MS, disabled: [disabled] };
    expect(DisabledCredentials.parse(await answer.json())).toEqual(expected as never);
    const all = (await (await broker.ask("/v1/credentials/disabled")).json()) as typeof expected;
    expect(all.disabled.map((row) => row.id).toSorted()).toEqual([id, other].toSorted());
    expect(all.disabled.find((row) => row.id === other)).toMatchObject({ accountId: "acc" });
  });

  test("again is a 404, and an unknown key in the body a 400 that changes nothing", async () => {
    const { id } = broker.vault.upsert("openai", key("k-1"));
    expect((await post(`/v1/credential/${id}/disable`, { reason: "x" })).status).toBe(400);
    expect(broker.vault.get(id)).toBeDefined();
    expect(await (await post(`/v1/credential/${id}/disable`)).json()).toEqual({ ok: true });
    expect((await post(`/v1/credential/${id}/disable`)).status).toBe(404);
  });
});

describe("a cool-down", () => {
  const block = { providerKey: "openai", blockScope: "gpt", blockedUntilMs: NOW_MS + 10.5 };

  test("is in the entry until it is over or lifted, in whole milliseconds", async () => {
    const { id } = broker.vault.upsert("openai", key("k-1"));
    expect(await (await post(`/v1/credential/${id}/block`, block)).json()).toEqual({ ok: true });
    const whole = { ...block, blockedUntilMs: NOW_MS + 11 };
    expect(await snapshotEntries()).toMatchObject([{ blocks: [whole] }]);
    nowMs += 11;
    expect(Object.keys((await snapshotEntries())[0] ?? {})).not.toContain("blocks");
    nowMs = NOW_MS;
    const lifted = await broker.ask(`/v1/credential/${id}/blocks`, { method: "DELETE" });
    expect(await lifted.json()).toEqual({ ok: true });
    expect(Object.keys((await snapshotEntries())[0] ?? {})).not.toContain("blocks");
  });

  test("until the end of time is kept, and too many of them are refused", async () => {
    const { id } = broker.vault.upsert("openai", key("k-1"));
    for (let n = 0; n < MAX_BLOCKS; n += 1) {
      const each = { ...block, blockScope: `s-${n}`, blockedUntilMs: 1e300 };
      expect((await post(`/v1/credential/${id}/block`, each)).status).toBe(200);
    }
    const more = await post(`/v1/credential/${id}/block`, block);
    expect([more.status, await more.json()]).toMatchObject([409, { code: "too_many_blocks" }]);
    const known = { ...block, blockScope: "s-0" };
    expect((await post(`/v1/credential/${id}/block`, known)).status).toBe(200);
  });
});

describe("a refresh", () => {
  test("answers with the row and its new access token", async () => {
    const { id } = broker.vault.upsert("openai", GRANT);
    refresh = (renewed) => {
      const credential = { ...GRANT, access: "a-2", refresh: "canary-r2" };
      broker.vault.rotate(renewed, { usedRefresh: GRANT.refresh, credential });
      const stored = broker.vault.get(renewed);
      return stored ? Promise.resolve(stored) : Promise.reject(new Error("gone"));
    };
    const text = await (await post(`/v1/credential/${id}/refresh`)).text();
    expect(text).not.toContain("canary-r");
    expect(CredentialRefreshed.parse(JSON.parse(text))).toMatchObject({
      entry: { id, provider: "openai", credential: { access: "a-2", refresh: "__remote__" } },
    });
  });

  test("of an API key is refused before anything is asked of a provider", async () => {
    const { id } = broker.vault.upsert("openai", key("k-1"));
    refresh = () => Promise.reject(new Error("asked"));
    const answer = await post(`/v1/credential/${id}/refresh`);
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: "not_oauth" }]);
  });

  const failures: readonly (readonly [RefreshErrorCode, number])[] = [
    ["provider_unreachable", 502],
    ["quarantined", 409],
    ["refresh_backing_off", 503],
    ["refresh_not_possible", 409],
    ["refresh_rejected", 409],
    ["refresher_stopped", 503],
  ];
  test.each(failures)(
    "that fails with %s is a %i with that code, on record",
    async (code, status) => {
      const { id } = broker.vault.upsert("openai", GRANT);
      refresh = () => Promise.reject(new RefreshError(code, "because"));
      const answer = await post(`/v1/credential/${id}/refresh`);
      expect([answer.status, await answer.json()]).toEqual([status, { error: "because", code }]);
      const outcomes = broker.audit.recent({ sinceMs: 0, limit: 2 }).map(({ outcome }) => outcome);
      expect(outcomes).toEqual(["ok", "failed"]);
    },
  );

  test("that has to wait says for how long, in whole seconds", async () => {
    const { id } = broker.vault.upsert("openai", GRANT);
    const retryAtMs = NOW_MS + 90_500;
    refresh = () => Promise.reject(new RefreshError("refresh_backing_off", "wait", { retryAtMs }));
    const answer = await post(`/v1/credential/${id}/refresh`);
    expect(answer.headers.get("retry-after")).toBe("91");
  });

  test("of a credential that went away meanwhile is a 404 like any other", async () => {
    const { id } = broker.vault.upsert("openai", GRANT);
    refresh = () => Promise.reject(new RefreshError("credential_unknown", "gone"));
    const answer = await post(`/v1/credential/${id}/refresh`);
    const unknown = await post("/v1/credential/123456/refresh");
    expect([answer.status, await answer.text()]).toEqual([unknown.status, await unknown.text()]);
  });

  test("that fails in a way nobody foresaw tells the client nothing", async () => {
    const { id } = broker.vault.upsert("openai", GRANT);
    refresh = () => Promise.reject(new Error("canary in the works"));
    const answer = await post(`/v1/credential/${id}/refresh`);
    expect([answer.status, await answer.text()]).toEqual([
      500,
      '{"error":"internal: see the broker\'s log"}',
    ]);
  });
});

test("metrics count requests by route, and hold no token and no path of a caller", async () => {
  await broker.ask("/v1/snapshot");
  await broker.ask("/v1/credential/987654/lease", { method: "POST" });
  const answer = await broker.ask("/metrics");
  expect(answer.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
  const text = await answer.text();
  expect(text).toContain('broker_requests_total{method="GET",path="/v1/snapshot",status="200"} 1');
  expect(text).toContain('path="/v1/credential/:id/lease",status="404"} 1');
  expect(text).not.toContain("987654");
});
