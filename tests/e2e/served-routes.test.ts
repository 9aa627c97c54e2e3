// What is served beside answers: what clients ask of a gateway before, between and instead of them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});

afterAll(() => gateway.stop());

const ask = (path: string, init: RequestInit = {}) =>
  fetch(gateway.url + path, {
    redirect: "error",
    ...init,
    headers: { authorization: `Bearer ${gateway.token}`, ...(init.headers as object) },
  });

describe("a client that looks around", () => {
  test("is greeted at /api/hello without a key and without a word", async () => {
    const response = await fetch(`${gateway.url}/api/hello`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("gets the model list in its own dialect, at once", async () => {
    const startedMs = performance.now();
    const anthropic = { "anthropic-version": "2023-06-01" };
    const theirs = await ask("/v1/models?limit=1000", { headers: anthropic });
    const ours = await ask("/v1/models?limit=2");
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(await theirs.json()).toMatchObject({ has_more: false, first_id: "sim/echo" });
    expect(await ours.json()).toMatchObject({ object: "list", data: [{}, {}] });
  });

  test("is told every route where there is none", async () => {
    const response = await ask("/v1/nonsense", { method: "POST", body: "{}" });
    expect(response.status).toBe(404);
    const { error } = (await response.json()) as { error: { message: string; code: string } };
    expect(error.code).toBe("not_found");
    for (const route of [
      "POST /v1/chat/completions",
      "POST /v1/messages",
      "POST /v1/responses",
      "GET /v1/models",
      "GET /v1/models/:id",
      "GET /healthz",
    ]) {
      expect(error.message).toContain(route);
    }
  });

  test("is told the method of a route that it asks in another way", async () => {
    const answers = [
      await ask("/v1/messages"),
      await ask("/v1/models", { method: "DELETE" }),
      await ask("/v1/models/sim/echo", { method: "PUT", body: "{}" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([405, 405, 405]);
    expect(answers.map(({ headers }) => headers.get("allow"))).toEqual(["POST", "GET", "GET"]);
  });
});
