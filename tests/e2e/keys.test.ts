// Keys, limits, budgets and policy as callers meet them: on the same-format lane (sim/…) and through a translation
// (sim-messages/… for a Chat caller), a hundred at a time.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeyRules, openGatewayKeys, readUsageSums } from "#gateway";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const PRICE = { input: 1, output: 2, cacheRead: 0.1, cacheWrite5m: 1.25 };
const LANES = ["sim", "sim-messages"] as const;
const config = {
  gateway: {
    prices: Object.fromEntries(
      LANES.flatMap((lane) => ["echo", "hang", "long"].map((model) => [`${lane}/${model}`, PRICE])),
    ),
    policy: [
      { keys: ["ruled"], models: ["*/thinking"], deny: "thinking is off today" },
      { keys: ["ruled"], models: ["*/long"], rewriteModel: "sim-messages/echo" },
      { keys: ["ruled"], tools: { deny: ["secret_*"] } },
      { keys: ["exact"], strict: true },
    ],
  },
};

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({ config });
});
afterAll(() => gateway.stop());

let made = 0;

/** A key made by another handle of the file, as another process would; returned once the gateway knows it. */
async function newKey(rules: unknown, name?: string): Promise<{ secret: string; name: string }> {
  made += 1;
  const keys = await openGatewayKeys(gateway.env);
  const { secret, key } = keys.create({
    name: name ?? `key-${made}`,
    owner: "",
    rules: KeyRules.parse(rules),
    validFromMs: null,
    validUntilMs: null,
  });
  keys.close();
  await until(async () => (await usageOf(secret)).status === 200);
  return { secret, name: key.name };
}

function usageOf(secret: string, url = gateway.url): Promise<Response> {
  return fetch(`${url}/v1/usage`, { headers: { authorization: `Bearer ${secret}` } });
}

interface Budgets {
  readonly budgets: readonly { window: string; limit: number; spent: number; reserved: number }[];
}

async function total(secret: string, url?: string) {
  const { budgets } = (await (await usageOf(secret, url)).json()) as Budgets;
  const found = budgets.find(({ window }) => window === "total");
  if (!found) throw new Error("every key has its total");
  return found;
}

function chat(secret: string, model: string, more: object = {}, init: RequestInit = {}) {
  const body = { model, max_tokens: 50, messages: [{ role: "user", content: "hello" }], ...more };
  return gateway.post("/v1/chat/completions", body, {
    ...init,
    headers: { authorization: `Bearer ${secret}`, ...(init.headers as Record<string, string>) },
  });
}

async function statuses(answers: readonly Promise<Response>[]): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (const answer of await Promise.all(answers)) {
    await answer.text();
    counts[answer.status] = (counts[answer.status] ?? 0) + 1;
  }
  return counts;
}

const hundred = <T>(make: () => T): T[] => Array.from({ length: 100 }, make);

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 3_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("it does not hold in time");
    await Bun.sleep(10);
  }
}

describe.each(LANES)("on %s", (lane) => {
  const model = `${lane}/echo`;
  const slow = { headers: { "x-parley-sim": "delay=100" } };

  test("a hundred parallel calls at the edge of a budget overshoot by nothing", async () => {
    // One call may cost its bytes and 1,000 tokens in, 50 out: a bit over 0.0012 dollars.
    const limit = 12_500_000;
    const { secret } = await newKey({ budgets: { total: limit } });
    const counts = await statuses(hundred(() => chat(secret, model, {}, slow)));
    expect(counts[200]).toBeGreaterThan(5);
    expect(counts[200]).toBeLessThanOrEqual(10);
    expect(counts[429]).toBe(100 - (counts[200] ?? 0));
    await until(async () => (await total(secret)).reserved === 0);
    for (let round = 0; round < 30; round += 1) {
      const more = await statuses(hundred(() => chat(secret, model)));
      if (more[200] === undefined) break;
    }
    const { spent } = await total(secret);
    expect(spent).toBeGreaterThan(0);
    expect(spent).toBeLessThanOrEqual(limit);
  });

  test("of a hundred parallel calls exactly as many pass as a minute allows", async () => {
    const { secret } = await newKey({ requestsPerMinute: 7 });
    expect(await statuses(hundred(() => chat(secret, model)))).toEqual({ 200: 7, 429: 93 });
    const refused = await chat(secret, model);
    expect(Number(refused.headers.get("retry-after"))).toBeWithin(1, 62);
  });

  test("no more streams are open at once than the key allows, and places come back", async () => {
    const { secret } = await newKey({ concurrentStreams: 3 });
    const open = () => chat(secret, model, { stream: true }, slow);
    expect(await statuses(hundred(open))).toEqual({ 200: 3, 429: 97 });
    expect(await statuses([open(), open(), open()])).toEqual({ 200: 3 });
  });

  test("tokens per minute are set aside before a call and given back after it", async () => {
    const { secret } = await newKey({ tokensPerMinute: 3_000 });
    const counts = await statuses(hundred(() => chat(secret, model, {}, slow)));
    expect(counts).toEqual({ 200: 2, 429: 98 });
    expect((await chat(secret, model)).status).toBe(200);
  });

  test("a caller who leaves pays what was set aside", async () => {
    const { secret } = await newKey({ budgets: { total: 1_000_000_000 } });
    const leaving = new AbortController();
    const answer = await chat(secret, `${lane}/hang`, { stream: true }, { signal: leaving.signal });
    await answer.body?.getReader().read();
    const { reserved } = await total(secret);
    expect(reserved).toBeGreaterThan(1_000_000);
    leaving.abort();
    await until(async () => (await total(secret)).reserved === 0);
    expect((await total(secret)).spent).toBe(reserved);
  });

  test("a revoked key is refused within a second", async () => {
    const { secret, name } = await newKey({});
    expect((await chat(secret, model)).status).toBe(200);
    const keys = await openGatewayKeys(gateway.env);
    keys.revoke(name);
    keys.close();
    const since = performance.now();
    await until(async () => (await chat(secret, model)).status === 401);
    expect(performance.now() - since).toBeLessThan(1_000);
    expect(await statuses(hundred(() => chat(secret, model)))).toEqual({ 401: 100 });
  });

  test("models and providers outside a key's globs are refused, and deny wins", async () => {
    const { secret } = await newKey({ models: { allow: ["*"], deny: ["ECHO"] } });
    const refused = await chat(secret, model);
    expect(refused.status).toBe(403);
    expect(refused.headers.get("x-parley-refusal")).toBe("model_not_allowed");
    expect((await chat(secret, `${lane}/long`)).status).toBe(200);
    const other = await newKey({ providers: ["openai"] });
    const elsewhere = await chat(other.secret, model);
    expect(elsewhere.headers.get("x-parley-refusal")).toBe("provider_not_allowed");
  });

  test("a model without a price is refused to a key with a budget", async () => {
    const { secret } = await newKey({ budgets: { day: 1_000_000_000 } });
    const refused = await chat(secret, `${lane}/tool`);
    expect(refused.headers.get("x-parley-refusal")).toBe("model_unpriced");
    expect(refused.status).toBe(403);
  });
});

test("a refusal comes in the caller's own dialect", async () => {
  const { secret } = await newKey({ formats: ["chat"] });
  const headers = { authorization: `Bearer ${secret}` };
  const body = { model: "sim/echo", max_tokens: 9, messages: [{ role: "user", content: "x" }] };
  const messages = await gateway.post("/v1/messages", body, { headers });
  expect(messages.status).toBe(403);
  expect(await messages.json()).toMatchObject({
    type: "error",
    error: { type: "permission_error" },
  });
  const input = { model: "sim/echo", input: "x" };
  const responses = await gateway.post("/v1/responses", input, { headers });
  expect(responses.status).toBe(403);
  expect(await responses.json()).toMatchObject({ error: { code: "format_not_allowed" } });
});

test("who may not use a provider is not told whether it has a credential", async () => {
  const { secret } = await newKey({ providers: ["sim"] });
  const refused = await chat(secret, "anthropic/claude-sonnet-4-5");
  expect(refused.status).toBe(403);
  expect(refused.headers.get("x-parley-refusal")).toBe("provider_not_allowed");
});

test("counting tokens costs a budget nothing", async () => {
  const { secret } = await newKey({ budgets: { total: 1 } });
  const body = { model: "sim/echo", messages: [{ role: "user", content: "hello" }] };
  const headers = { authorization: `Bearer ${secret}` };
  const counted = await gateway.post("/v1/messages/count_tokens", body, { headers });
  expect(counted.status).toBe(200);
  await counted.text();
  expect(await total(secret)).toMatchObject({ spent: 0, reserved: 0 });
});

test("a revoked key starts no further turn on a socket that was open before", async () => {
  const { secret, name } = await newKey({});
  const url = `${gateway.url.replace("http", "ws")}/v1/responses`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${secret}` } });
  const frames: string[] = [];
  socket.addEventListener("message", ({ data }) => frames.push(String(data)));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const create = JSON.stringify({ type: "response.create", model: "sim/echo", input: "hello" });
  socket.send(create);
  await until(() => Promise.resolve(frames.some((frame) => frame.includes("response.completed"))));
  const keys = await openGatewayKeys(gateway.env);
  keys.revoke(name);
  keys.close();
  await until(async () => (await usageOf(secret)).status === 401);
  frames.length = 0;
  socket.send(create);
  await until(() => Promise.resolve(frames.length > 0));
  expect(frames.join("")).toContain("not valid any more");
  expect(frames.join("")).not.toContain("response.completed");
  socket.close();
});

test("a key bound to accounts is never served by another's, and finds its own", async () => {
  const seen: string[] = [];
  await using upstream = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ headers }) => {
      seen.push(headers.get("authorization") ?? "");
      const message = { role: "assistant", content: "hello" };
      const choices = [{ index: 0, message, finish_reason: "stop" }];
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
      return Response.json({
        id: "c",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices,
        usage,
      });
    },
  });
  const held = [7, 8].map((id) => ({
    id,
    provider: "lab",
    credential: { type: "api_key", key: `sk-of-account-${id}` } as const,
  }));
  const bound = await startGatewayUnderTest({
    config: {
      providers: {
        lab: {
          api: "chat",
          baseUrl: `http://127.0.0.1:${upstream.port}/v1`,
          models: [{ id: "m" }],
        },
      },
    },
    credentials: {
      entries: (provider) => (provider === "lab" ? (held as never) : []),
      fresh: () => Promise.reject(new Error("there is no login")),
    },
  });
  const keys = await openGatewayKeys(bound.env);
  const make = (name: string, credentials: readonly number[]) => {
    const rules = KeyRules.parse({ credentials });
    return keys.create({ name, owner: "", rules, validFromMs: null, validUntilMs: null }).secret;
  };
  const secrets = { seven: make("seven", [7]), eight: make("eight", [8]), nine: make("nine", [9]) };
  keys.close();
  await until(async () => (await usageOf(secrets.nine, bound.url)).status === 200);
  const ask = (secret: string) =>
    bound.post(
      "/v1/chat/completions",
      { model: "lab/m", messages: [{ role: "user", content: "x" }] },
      { headers: { authorization: `Bearer ${secret}` } },
    );
  for (const [secret, account] of [
    [secrets.seven, 7],
    [secrets.eight, 8],
  ] as const) {
    seen.length = 0;
    expect(await statuses(Array.from({ length: 5 }, () => ask(secret)))).toEqual({ 200: 5 });
    expect(new Set(seen)).toEqual(new Set([`Bearer sk-of-account-${account}`]));
  }
  seen.length = 0;
  const refused = await ask(secrets.nine);
  expect(refused.status).toBe(403);
  expect(refused.headers.get("x-parley-refusal")).toBe("credential_not_allowed");
  expect(seen).toEqual([]);
  await bound.stop();
});

test("a listing shows a key only what it may use, one by one too", async () => {
  const { secret } = await newKey({ models: { allow: ["sim/echo", "tool*"], deny: ["tools"] } });
  const headers = { authorization: `Bearer ${secret}` };
  const list = (await (await fetch(`${gateway.url}/v1/models`, { headers })).json()) as {
    data: { id: string }[];
  };
  expect(list.data.map(({ id }) => id)).toEqual(["sim/echo", "sim/tool"]);
  expect((await fetch(`${gateway.url}/v1/models/sim/tools`, { headers })).status).toBe(404);
});

test("the operator's policy denies, rewrites and takes tools out, in every dialect", async () => {
  const { secret } = await newKey({}, "ruled");
  const headers = { authorization: `Bearer ${secret}` };
  const calls = {
    "/v1/chat/completions": (model: string) => ({
      model,
      messages: [{ role: "user", content: "x" }],
      tools: ["open", "secret_read"].map((name) => ({
        type: "function",
        function: { name, parameters: {} },
      })),
    }),
    "/v1/messages": (model: string) => ({
      model,
      max_tokens: 9,
      messages: [{ role: "user", content: "x" }],
      tools: ["open", "secret_read"].map((name) => ({ name, input_schema: { type: "object" } })),
    }),
    "/v1/native/stream": (model: string) => ({
      model,
      turns: [{ role: "user", parts: [{ kind: "text", text: "x" }] }],
      tools: ["open", "secret_read"].map((name) => ({ kind: "function", name, schema: {} })),
    }),
    "/v1/responses": (model: string) => ({
      model,
      input: "x",
      tools: ["open", "secret_read"].map((name) => ({
        type: "function",
        name,
        parameters: {},
        strict: false,
      })),
    }),
  };
  for (const [path, body] of Object.entries(calls)) {
    for (const lane of LANES) {
      const denied = await gateway.post(path, body(`${lane}/thinking`), { headers });
      expect(denied.status).toBe(403);
      expect(await denied.text()).toContain("thinking is off today");
      const rewritten = await gateway.post(path, body(`${lane}/long`), { headers });
      expect(rewritten.headers.get("x-parley-model")).toBe("sim-messages/echo");
      // The simulator calls the tools it was offered, by turns.
      const called = await (await gateway.post(path, body(`${lane}/tools`), { headers })).text();
      expect(called).toContain('"open"');
      expect(called).not.toContain("secret_read");
    }
  }
});

test.each([
  ["a strict key", () => newKey({ strict: true })],
  ["a key that the policy makes strict", () => newKey({}, "exact")],
])("%s is told what a translation would lose, and loses nothing", async (_, make) => {
  const { secret } = await make();
  const lossy = { seed: 7, metadata: { a: "b" } };
  for (const stream of [false, true]) {
    const refused = await chat(secret, "sim-messages/echo", { ...lossy, stream });
    expect(refused.status).toBe(400);
    const { error } = (await refused.json()) as { error: Record<string, string> };
    expect(error).toMatchObject({ code: "lossy_translation", param: "seed" });
    expect(error["message"]).toMatch(/seed \(.+\), metadata.* \(.+\)/);
    expect((await chat(secret, "sim-messages/echo", { stream })).status).toBe(200);
    expect((await chat(secret, "sim/echo", { ...lossy, stream })).status).toBe(200);
  }
  const thinking = { type: "thinking", thinking: "hm", signature: "gw1.eyJmIjoiY2hhdCJ9" };
  const foreign = {
    model: "sim/echo",
    max_tokens: 50,
    messages: [
      { role: "user", content: "a" },
      { role: "assistant", content: [thinking, { type: "text", text: "b" }] },
      { role: "user", content: "c" },
    ],
  };
  const ask = (key: string) =>
    gateway.post("/v1/messages", foreign, { headers: { authorization: `Bearer ${key}` } });
  const refused = await ask(secret);
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain("reasoning of another provider");
  const loose = await ask(gateway.token);
  expect(loose.headers.get("x-parley-lossy")).toBe("reasoning=reasoning of another provider");
  expect((await chat(gateway.token, "sim-messages/echo", lossy)).status).toBe(200);
});

test("a key sees its own use, and the ledger of the home holds all of it", async () => {
  const { secret, name } = await newKey({});
  await statuses(hundred(() => chat(secret, "sim/echo")));
  const own = (await (await usageOf(secret)).json()) as {
    models: { model: string; requests: number }[];
  };
  expect(own.models).toMatchObject([{ model: "sim/echo", requests: 100, unpriced: 0 }]);
  const sums = await readUsageSums(gateway.env, { by: "key", sinceMs: 0 });
  expect(sums.find(({ group }) => group.startsWith(`${name} (`))).toMatchObject({ requests: 100 });
});

// Two processes start in it, which takes a busy machine its time.
const PROCESSES_TIMEOUT_MS = 60_000;
const children: Bun.Subprocess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

async function killedGateway(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "parley-killed-"));
  writeFileSync(join(home, "config.yml"), JSON.stringify(config));
  const keys = await openGatewayKeys({ PARLEY_HOME: home });
  const rules = KeyRules.parse({ budgets: { total: 1_000_000_000 } });
  const wanted = { name: "ci", owner: "", rules, validFromMs: null, validUntilMs: null };
  const { secret } = keys.create(wanted);
  keys.close();
  const first = await startProcess(home);
  const send = (url: string, model: string, stream: boolean) =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hello" }] }),
    });
  await (await send(first.url, "sim/echo", false)).text();
  const { spent } = await total(secret, first.url);
  expect(spent).toBeGreaterThan(0);
  const hanging = await send(first.url, "sim/hang", true);
  await hanging.body?.getReader().read();
  expect((await total(secret, first.url)).reserved).toBeGreaterThan(0);
  first.child.kill("SIGKILL");
  await first.child.exited;
  const second = await startProcess(home);
  expect(await total(secret, second.url)).toMatchObject({ reserved: 0, spent });
  second.child.kill("SIGKILL");
  await second.child.exited;
  rmSync(home, { recursive: true, force: true });
}

test(
  "a killed gateway holds nothing back at its next start, and remembers what was spent",
  killedGateway,
  PROCESSES_TIMEOUT_MS,
);

async function startProcess(home: string) {
  const script = join(import.meta.dir, "gateway-process.ts");
  const child = Bun.spawn([process.execPath, script, home], { stdout: "pipe", stderr: "inherit" });
  children.push(child);
  const { value } = await child.stdout.getReader().read();
  return { child, url: new TextDecoder().decode(value).trim() };
}
