// `agent auth-gateway explain` of real requests: told in the order things happened, and nothing of what was said.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { configKeys, runProgram } from "#cli";
import { loadConfig } from "#platform";
import { startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const KEY = "sk-test-0123456789abcdefghijklmnop";
const CANARY = "the-canary-of-a-prompt";

let script: Script = () => new Response("no script", { status: 500 });
const upstream = startScriptedUpstream((request) => script(request));
let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: {
      gateway: {
        routes: {
          fast: [
            { model: "busy/m", priority: 1 },
            { model: "sim/echo", priority: 2 },
          ],
        },
      },
      providers: {
        busy: { api: "chat", baseUrl: `${upstream.url}/v1`, apiKey: KEY, models: [{ id: "m" }] },
        lab: {
          api: "chat",
          baseUrl: `${upstream.url}/v1`,
          apiKey: KEY,
          models: [{ id: "m" }],
        },
      },
    },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

async function agent(...args: readonly string[]) {
  const { env } = gateway;
  const cwd = env["PARLEY_HOME"] ?? "/";
  let stdout = "";
  let stderr = "";
  const output = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
  };
  const code = await runProgram(args, {
    ...output,
    version: "0",
    openContext: async () => ({
      ...output,
      args,
      env,
      cwd,
      isTty: false,
      keys: configKeys,
      loadConfig: (flags, file) => loadConfig({ keys: configKeys, env, cwd, flags, file }),
    }),
  });
  return { code, stdout, stderr };
}

/** What is said of a request, right after its answer: the command waits until it is written. */
async function explained(id: string, ...more: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await agent("auth-gateway", "explain", id, ...more);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

const messages = [{ role: "user", content: CANARY }];

test("a refusal of the upstream is told with its status, its words and its id", async () => {
  const error = { message: `slow down, key ${KEY}`, code: "rate_limit_exceeded" };
  script = () => Response.json({ error }, { status: 429, headers: { "x-request-id": "theirs-7" } });
  const headers = { "x-request-id": "mine-7" };
  const response = await gateway.post(
    "/v1/messages",
    { model: "lab/m", max_tokens: 9, messages },
    { headers },
  );
  expect(response.status).toBe(429);
  const id = response.headers.get("x-request-id") ?? "";
  const text = await explained(id);
  expect(text).toContain(`Request ${id} (its caller's id: mine-7)`);
  expect(text).toContain('the key "owner" asked for lab/m in Anthropic Messages, as one answer');
  expect(text).toContain("lab/m failed with 429: rate_limit_exceeded");
  expect(text).toMatch(
    /lab\/m in OpenAI Chat Completions, with the key of the configuration: failed after \d+ ms with HTTP 429 \(rate_limited, rate_limit_exceeded\): "slow down, key \[redacted\]"; its id there: theirs-7/,
  );
  expect(text).toContain("no answer began (refused, rate_limit_exceeded, HTTP 429)");
  expect(await explained("mine-7")).toBe(text);
});

test("a fail-over is told in order, with both upstreams and why the first was left", async () => {
  script = () => Response.json({ error: { message: "too busy" } }, { status: 503 });
  const response = await gateway.post("/v1/chat/completions", { model: "fast", messages });
  expect(response.status).toBe(200);
  const text = await explained(response.headers.get("x-request-id") ?? "");
  const order = [
    "asked for fast",
    "try busy/m",
    "busy/m failed with 503",
    "rests for",
    "try sim/echo",
    "Upstreams that were asked, in order:\n  1. busy/m",
    "failed after",
    '"too busy"',
    "  2. sim/echo",
    "began to answer",
    "the answer came whole",
  ];
  const places = order.map((words) => text.indexOf(words));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  const headers = { authorization: `Bearer ${gateway.token}` };
  const counted = await (await fetch(`${gateway.url}/metrics`, { headers })).text();
  expect(counted).toMatch(/gateway_failovers_total\{provider="sim"\} 1/);
  expect(counted).toMatch(/gateway_cool_downs_total\{provider="busy"\} [1-9]/);
});

test("a stream is told with its tokens and its first byte", async () => {
  const response = await gateway.post("/v1/chat/completions", {
    model: "sim/cached",
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  await response.text();
  const text = await explained(response.headers.get("x-request-id") ?? "");
  expect(text).toContain("the answer came whole (completed, HTTP 200)");
  expect(text).toMatch(/Tokens: 12 in, \d+ out, 900 read from and 100 written to a cache\./);
  expect(text).toMatch(/First byte after \d+ ms\./);
});

test("a request that reached no upstream says why", async () => {
  const response = await gateway.post("/v1/chat/completions", { model: "sim/ehco", messages });
  const text = await explained(response.headers.get("x-request-id") ?? "");
  expect(text).toContain("No upstream was asked.");
  expect(text).toContain("no answer began (refused, model_not_found, HTTP 404)");
});

test("a request of the native stream is listed and told like any other", async () => {
  const turns = [{ role: "user", parts: [{ kind: "text", text: CANARY }] }];
  const response = await gateway.post("/v1/native/stream", { model: "sim/echo", turns });
  await response.text();
  const id = response.headers.get("x-request-id") ?? "";
  expect(await explained(id)).toContain("in the native stream");
});

test("--last and --list show the newest, --json everything", async () => {
  const response = await gateway.post("/v1/chat/completions", { model: "sim/echo", messages });
  const id = response.headers.get("x-request-id") ?? "";
  expect((await agent("auth-gateway", "explain", "--last")).stdout).toContain(`Request ${id}`);
  const record = JSON.parse(await explained(id, "--json")) as { requestId: string };
  expect(record.requestId).toBe(id);
  const listed = (await agent("auth-gateway", "explain", "--list")).stdout.split("\n");
  expect(listed[0]).toStartWith("when");
  expect(listed[1]).toContain(id);
  const all = JSON.parse((await agent("auth-gateway", "explain", "--list", "--json")).stdout);
  expect(all[0].requestId).toBe(id);
});

test("wrong usage and an unknown request are errors with the next step", async () => {
  expect(await agent("auth-gateway", "explain")).toMatchObject({ code: 2 });
  expect(await agent("auth-gateway", "explain", "x", "--last")).toMatchObject({ code: 2 });
  const unknown = await agent("auth-gateway", "explain", "req_nobody");
  expect(unknown).toMatchObject({ code: 1, stdout: "" });
  expect(unknown.stderr).toContain("explain --list");
});

test("an upstream that quotes the prompt leaves nothing of it on disk", async () => {
  for (const status of [400, 404, 413, 500]) {
    script = ({ body }) => Response.json({ error: { message: body, code: body } }, { status });
    const response = await gateway.post("/v1/chat/completions", { model: "lab/m", messages });
    expect(await response.text()).toContain(CANARY);
    await explained(response.headers.get("x-request-id") ?? "");
  }
  const home = gateway.env["PARLEY_HOME"] ?? "";
  const files = readdirSync(home).filter((name) => name.startsWith("gateway-access.db"));
  expect(files).not.toEqual([]);
  for (const name of files) {
    const bytes = readFileSync(join(home, name));
    for (const secret of [CANARY, KEY, gateway.token]) expect(bytes.includes(secret)).toBe(false);
  }
});
