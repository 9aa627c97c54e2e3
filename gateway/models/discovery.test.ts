// Asking upstreams for their models: how often, how long, and what a bad answer costs.

import { afterEach, describe, expect, test } from "bun:test";
import { createLogger, createOutbound } from "#platform";
import { describeProvider } from "../providers/operator.ts";
import { ollama } from "../providers/ollama.ts";
import type { Provider } from "../providers/provider.ts";
import { ModelCatalog } from "./catalog.ts";
import { LIST_TTL_MS, MAX_LISTED_MODELS, ModelDiscovery, SILENT_TTL_MS } from "./discovery.ts";

const servers: Bun.Server<undefined>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) void server.stop(true);
});

function setUp(
  answer: () => Response | Promise<Response>,
  describe = (known: Provider): Provider => known,
) {
  const asked: { path: string; authorization: string | null }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      asked.push({
        path: new URL(request.url).pathname,
        authorization: request.headers.get("authorization"),
      });
      return answer();
    },
  });
  servers.push(server);
  const baseUrl = `http://127.0.0.1:${server.port}/v1`;
  const provider = describe({ ...ollama, baseUrl });
  const logged: string[] = [];
  const clock = { nowMs: 1_000 };
  const discovery = new ModelDiscovery({
    outbound: createOutbound(),
    leases: { lease: () => Promise.resolve({ key: "canary", source: "config" as const }) },
    nowMs: () => clock.nowMs,
    log: createLogger({ level: "debug", write: (line) => void logged.push(line) }),
  });
  const catalog = new ModelCatalog([provider], { isUsable: () => true, discovery });
  return { asked, provider, discovery, catalog, clock, logged };
}

const listOf = (...data: unknown[]) => Response.json({ object: "list", data });
const idsOf = (catalog: ModelCatalog) => catalog.list().map(({ id }) => id);

test("nobody is asked before somebody wants a list", async () => {
  const { asked, catalog } = setUp(() => listOf({ id: "qwen3" }));
  expect(idsOf(catalog)).toEqual([]);
  expect(catalog.resolve("ollama/qwen3").model.id).toBe("qwen3");
  expect(asked).toHaveLength(0);
  expect(await catalog.refresh()).toEqual([]);
  expect(idsOf(catalog)).toEqual(["ollama/qwen3"]);
  expect(catalog.resolve("qwen3").id).toBe("ollama/qwen3");
});

test("a list is asked for at /models with the key, and what it says of sizes is kept", async () => {
  const { asked, catalog } = setUp(() =>
    listOf({ id: "a", max_model_len: 4_096 }, { id: "b", context_length: "many" }),
  );
  await catalog.refresh();
  expect(asked).toEqual([{ path: "/v1/models", authorization: "Bearer canary" }]);
  expect(catalog.list().map(({ model }) => model)).toEqual([
    { id: "a", contextWindow: 4_096 },
    { id: "b" },
  ]);
});

test("many who ask at once are one question, and the answer counts for a while", async () => {
  const { asked, catalog, clock } = setUp(() => listOf({ id: "a" }));
  await Promise.all([catalog.refresh(), catalog.refresh(), catalog.refresh()]);
  clock.nowMs += LIST_TTL_MS - 1;
  await catalog.refresh();
  expect(asked).toHaveLength(1);
  clock.nowMs += 1;
  await catalog.refresh();
  expect(asked).toHaveLength(2);
});

test("models that the operator named come first and once", async () => {
  const { catalog } = setUp(
    () => listOf({ id: "a" }, { id: "b" }),
    (known) => ({ ...known, models: [{ id: "b", contextWindow: 7 }] }),
  );
  await catalog.refresh();
  expect(catalog.list().map(({ model }) => model)).toEqual([
    { id: "b", contextWindow: 7 },
    { id: "a" },
  ]);
});

describe("a host that gives no list", () => {
  test.each<[string, () => Response]>([
    ["refuses", () => new Response("no", { status: 503 })],
    ["sends a page", () => new Response("<html>")],
    ["sends something else", () => Response.json({ models: [] })],
    ["redirects", () => Response.redirect("http://127.0.0.1:1/")],
  ])("%s: it is named, logged with the fix, and left alone for a moment", async (_name, answer) => {
    const { asked, catalog, clock, logged } = setUp(answer);
    expect(await catalog.refresh()).toEqual(["ollama"]);
    expect(await catalog.refresh()).toEqual(["ollama"]);
    expect(asked).toHaveLength(1);
    expect(idsOf(catalog)).toEqual([]);
    expect(logged.join()).toContain("Ollama did not list its models");
    expect(logged.join()).toContain("providers.ollama");
    clock.nowMs += SILENT_TTL_MS;
    await catalog.refresh();
    expect(asked).toHaveLength(2);
  });

  test("is asked again, and then listed", async () => {
    let isUp = false;
    const { catalog, clock } = setUp(() =>
      isUp ? listOf({ id: "a" }) : new Response("", { status: 500 }),
    );
    expect(await catalog.refresh()).toEqual(["ollama"]);
    isUp = true;
    clock.nowMs += SILENT_TTL_MS;
    expect(await catalog.refresh()).toEqual([]);
    expect(idsOf(catalog)).toEqual(["ollama/a"]);
  });
});

test("strange entries are passed over, and a list has an end", async () => {
  const many = Array.from({ length: MAX_LISTED_MODELS + 5 }, (_, index) => ({ id: `m${index}` }));
  const { catalog } = setUp(() =>
    listOf(7, { id: "a b" }, { id: "" }, null, ...many, { id: "m0" }),
  );
  await catalog.refresh();
  const ids = idsOf(catalog);
  expect(ids).toHaveLength(MAX_LISTED_MODELS - 4);
  expect(ids[0]).toBe("ollama/m0");
});

test("a provider that is not said to list its models is not asked, one that is configured to is", async () => {
  const { asked, catalog } = setUp(
    () => listOf({ id: "a" }),
    (known) => describeProvider("ollama", { models: [{ id: "x" }] }, known),
  );
  expect(await catalog.refresh()).toEqual([]);
  expect(asked).toHaveLength(0);
  const lab = describeProvider(
    "lab",
    { api: "chat", baseUrl: "http://h/v1", models: "discover" },
    undefined,
  );
  expect([lab.listsModels, lab.takesUnlistedModels, lab.models]).toEqual([true, true, []]);
});

test("a provider whose list would not be what it serves cannot be asked for one", async () => {
  const { azure } = await import("../providers/azure.ts");
  expect(() =>
    describeProvider("azure", { baseUrl: "http://h", models: "discover" }, azure),
  ).toThrow("name the models");
});
