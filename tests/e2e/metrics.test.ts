// What a gateway counts: every end of a stream, every failed way, and none of what callers or upstreams said.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventStream, startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const KEY = "sk-test-0123456789abcdefghijklmnop";
const CANARY = "the-canary-of-a-prompt";

let script: Script = () => new Response("no script", { status: 500 });
const upstream = startScriptedUpstream((request) => script(request));
let gateway: GatewayUnderTest;

beforeAll(async () => {
  const baseUrl = `${upstream.url}/v1`;
  gateway = await startGatewayUnderTest({
    env: { OPENAI_BASE_URL: baseUrl },
    environmentKeys: { openai: KEY },
    config: {
      gateway: { maxInFlight: 3, prices: { "priced/m": { input: 2, output: 4 } } },
      providers: {
        lab: { api: "chat", baseUrl, apiKey: KEY, models: [{ id: "listed" }] },
        priced: { api: "chat", baseUrl, apiKey: KEY, models: [{ id: "m" }] },
        open: { api: "chat", baseUrl, apiKey: KEY },
      },
    },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

const messages = [{ role: "user", content: CANARY }];

function ask(model: string, more: Record<string, unknown> = {}, init: RequestInit = {}) {
  const path = more["max_tokens"] === undefined ? "/v1/chat/completions" : "/v1/messages";
  return gateway.post(path, { model, messages, ...more }, init);
}

async function metrics(): Promise<string> {
  const headers = { authorization: `Bearer ${gateway.token}` };
  const response = await fetch(`${gateway.url}/metrics`, { headers });
  expect(response.status).toBe(200);
  return response.text();
}

/** The value of one line; 0 when it is not there. */
async function count(line: string): Promise<number> {
  const found = (await metrics()).split("\n").find((text) => text.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1) ?? 0);
}

/** Resolves when the line has grown by one. */
async function grows(line: string, action: () => Promise<void>): Promise<void> {
  const before = await count(line);
  await action();
  while ((await count(line)) === before);
  expect(await count(line)).toBe(before + 1);
}

const ends = (format: string, end: string) =>
  `gateway_streams_total{format="${format}",end="${end}"}`;

// The first speaks the caller's own dialect, the second is translated.
test.each(["sim", "sim-messages"])(
  "each end of a stream of %s is counted as what it was",
  async (sim) => {
    const read = async (model: string) => {
      await (await ask(`${sim}/${model}`, { stream: true })).text();
    };
    await grows(ends("chat", "completed"), () => read("echo"));
    await grows(ends("chat", "failed"), () => read("error-midstream"));
    await grows(ends("chat", "cut"), () => read("reset"));
    await grows(ends("chat", "client_gone"), async () => {
      const leaving = new AbortController();
      const { signal } = leaving;
      const response = await ask(`${sim}/long`, { stream: true }, { signal, headers: slow });
      await response.body?.getReader().read();
      leaving.abort();
    });
  },
);

test("a caller who leaves with the whole answer, before its upstream does, has been answered", async () => {
  const never = Promise.withResolvers<void>();
  const choice = { index: 0, delta: { content: "a" }, finish_reason: "stop" };
  const chunk = { id: "c", object: "chat.completion.chunk", model: "listed", choices: [choice] };
  script = () =>
    eventStream([`data: ${JSON.stringify(chunk)}\n\n`, "data: [DONE]\n\n"], {
      hold: never.promise,
    });
  await grows(ends("chat", "completed"), async () => {
    const leaving = new AbortController();
    const response = await ask("lab/listed", { stream: true }, { signal: leaving.signal });
    let text = "";
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    while (!text.includes("[DONE]")) text += (await reader?.read())?.value ?? "";
    leaving.abort();
  });
  never.resolve();
});

const slow = { "x-parley-sim": "long; delay=5" };

test("tokens are counted by model, and models nobody listed together", async () => {
  const usage = {
    prompt_tokens: 7,
    completion_tokens: 5,
    prompt_tokens_details: { cached_tokens: 2 },
  };
  script = () => Response.json({ id: "x", object: "chat.completion", choices: [], usage });
  await ask("lab/listed");
  expect(await count('gateway_input_tokens_total{provider="lab",model="listed"}')).toBe(5);
  expect(await count('gateway_cache_read_tokens_total{provider="lab",model="listed"}')).toBe(2);
  expect(await count('gateway_output_tokens_total{provider="lab",model="listed"}')).toBe(5);
  await ask(`open/${CANARY}`);
  expect(await count('gateway_output_tokens_total{provider="open",model="other"}')).toBe(5);
});

test("what a priced model costs is counted, and what has no price is not guessed", async () => {
  const usage = { prompt_tokens: 1_000_000, completion_tokens: 500_000 };
  script = () => Response.json({ id: "x", object: "chat.completion", choices: [], usage });
  await ask("priced/m");
  expect(await count('gateway_cost_usd_total{provider="priced",model="m"}')).toBe(4);
  await ask("lab/listed");
  expect(await count('gateway_cost_usd_total{provider="lab",model="listed"}')).toBe(0);
});

test("requests are counted by dialect, upstream and status class, failures by what went wrong", async () => {
  script = () => Response.json({ error: { message: "slow down", code: CANARY } }, { status: 429 });
  await ask("lab/listed", { max_tokens: 5 });
  expect(
    await count(
      'gateway_requests_total{format="messages",endpoint="answer",provider="lab",status="4xx"}',
    ),
  ).toBe(1);
  expect(await count('gateway_upstream_failures_total{provider="lab",code="rate_limited"}')).toBe(
    1,
  );
  await ask("nobody/has-this");
  expect(
    await count(
      'gateway_requests_total{format="chat",endpoint="answer",provider="none",status="4xx"}',
    ),
  ).toBe(1);
});

test("a caller who leaves before the answer is counted as one, and frees its place", async () => {
  const arrived = Promise.withResolvers<void>();
  script = ({ signal }) => {
    arrived.resolve();
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(eventStream([])));
    });
  };
  const line =
    'gateway_requests_total{format="chat",endpoint="answer",provider="lab",status="4xx"}';
  await grows(line, async () => {
    const leaving = new AbortController();
    const asked = ask("lab/listed", {}, { signal: leaving.signal }).catch(() => undefined);
    await arrived.promise;
    expect(await count("gateway_in_flight")).toBe(1);
    leaving.abort();
    await asked;
  });
  expect(await count("gateway_in_flight")).toBe(0);
});

test("only a key of ours reads them, and what is refused is counted", async () => {
  const before = await count('gateway_refusals_total{code="unauthenticated"}');
  const response = await fetch(`${gateway.url}/metrics`);
  expect(response.status).toBe(401);
  expect(await count('gateway_refusals_total{code="unauthenticated"}')).toBe(before + 1);
});

test("hold no key, no word of a prompt, no name of a caller's", async () => {
  const text = await metrics();
  for (const secret of [KEY, gateway.token, CANARY]) expect(text).not.toContain(secret);
  for (const name of [
    "gateway_first_byte_seconds_bucket",
    "gateway_stream_duration_seconds_bucket",
    "gateway_stream_gap_seconds_bucket",
    "gateway_event_loop_lag_seconds",
    "process_resident_memory_bytes",
  ]) {
    expect(text).toContain(name);
  }
});

test("a caller's own request id is kept beside ours and told back in the log, never taken for ours", async () => {
  const response = await ask("sim/echo", {}, { headers: { "x-request-id": "mine-1" } });
  const ours = response.headers.get("x-request-id");
  expect(ours).toMatch(/^req_/);
  const line = gateway
    .logged()
    .split("\n")
    .find((text) => text.includes("mine-1"));
  expect(JSON.parse(line ?? "{}")).toMatchObject({ requestId: ours, clientRequestId: "mine-1" });
  await ask("sim/echo", {}, { headers: { "x-request-id": "x".repeat(129) } });
  expect(gateway.logged()).not.toContain("xxxxxxxx");
});

test("our request id goes to a vendor that takes its client's, and the vendor's comes back", async () => {
  script = () =>
    Response.json(
      { id: "x", object: "chat.completion", choices: [] },
      { headers: { "x-request-id": "theirs-1" } },
    );
  const headers = { "x-request-id": "mine-2" };
  const response = await ask("openai/gpt-5", {}, { headers });
  const ours = response.headers.get("x-request-id") ?? "";
  expect(upstream.received.at(-1)?.headers["x-client-request-id"]).toBe(ours);
  expect(response.headers.get("x-upstream-request-id")).toBe("theirs-1");
  expect(gateway.logged()).toContain('"upstreamRequestId":"theirs-1"');
  expect(JSON.stringify(upstream.received.at(-1))).not.toContain("mine-2");
});

test("the page names every metric of the gateway, and no other", async () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/observability.md"), "utf8");
  const named = new Set(page.match(/gateway_[a-z_]+/g));
  const served = [...(await metrics()).matchAll(/^# TYPE (gateway_\w+) /gm)].map(
    ([, name = ""]) => name,
  );
  // Of several processes only; tests/e2e/workers.test.ts reads them.
  const ofWorkers = ["gateway_worker_exits_total", "gateway_workers"];
  expect([...named].toSorted()).toEqual([...served, ...ofWorkers].toSorted());
});
