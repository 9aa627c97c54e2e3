// OpenTelemetry traces at a scripted collector on a real socket: whose child they are, what they say, and that
// neither content nor a collector's failure gets anywhere.

import { afterAll, afterEach, expect, test } from "bun:test";
import { startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const KEY = "sk-test-0123456789abcdefghijklmnop";
const CANARY = "the-canary-of-a-prompt";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

let script: Script = () => new Response("no script", { status: 500 });
const upstream = startScriptedUpstream((request) => script(request));
let collect: Script = () => Response.json({});
const collector = startScriptedUpstream((request) => collect(request));
let gateway: GatewayUnderTest;
/** Posts to the collector that a test has looked at. */
let seen = 0;

afterEach(async () => gateway.stop());
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

function start(telemetry: Record<string, unknown>) {
  const baseUrl = `${upstream.url}/v1`;
  return startGatewayUnderTest({
    config: {
      telemetry,
      providers: { lab: { api: "chat", baseUrl, apiKey: KEY, models: [{ id: "m" }] } },
    },
    env: { COLLECTOR_KEY: "Bearer collector-canary-012345" },
  });
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[];
  readonly status: { code?: number };
}

/** Every span that arrived, after the gateway has sent what is left. */
async function collected(): Promise<readonly (Span & { told: Record<string, unknown> })[]> {
  await gateway.stop();
  const fresh = collector.received.slice(seen);
  seen = collector.received.length;
  return fresh
    .flatMap(({ body }) => {
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
      };
      return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
    })
    .map((span) => ({
      ...span,
      told: Object.fromEntries(
        span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
      ),
    }));
}

const messages = [{ role: "user", content: CANARY }];
const usage = { prompt_tokens: 7, completion_tokens: 5 };
const choices = [
  { index: 0, finish_reason: "stop", message: { role: "assistant", content: `I saw ${CANARY}` } },
];

test("a request is a span of its caller's trace, its upstream call a child that the upstream is told of", async () => {
  gateway = await start({
    otlpEndpoint: collector.url,
    otlpHeaders: { authorization: "COLLECTOR_KEY" },
    propagate: true,
  });
  script = () =>
    Response.json(
      { id: "x", object: "chat.completion", choices, usage },
      { headers: { "x-request-id": "theirs" } },
    );
  const headers = { traceparent: `00-${TRACE}-${SPAN}-01` };
  const before = Date.now();
  const response = await gateway.post(
    "/v1/messages",
    { model: "lab/m", max_tokens: 5, messages },
    { headers },
  );
  await response.text();
  const told = upstream.received.at(-1)?.headers["traceparent"];
  expect(collector.received).toHaveLength(0);
  await gateway.stop();
  const [posted] = collector.received;
  expect(posted).toMatchObject({ method: "POST", path: "/v1/traces" });
  expect(posted?.headers["authorization"]).toBe("Bearer collector-canary-012345");
  for (const secret of [CANARY, KEY, gateway.token]) expect(posted?.body).not.toContain(secret);
  const spans = await collected();
  const server = spans.find(({ kind }) => kind === 2);
  const client = spans.find(({ kind }) => kind === 3);
  expect(spans).toHaveLength(2);
  expect(server).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, name: "POST /v1/messages" });
  expect(client).toMatchObject({ traceId: TRACE, parentSpanId: server?.spanId, name: "chat m" });
  expect(told).toBe(`00-${TRACE}-${client?.spanId}-01`);
  expect(server?.told).toMatchObject({
    "http.response.status_code": 200,
    "gen_ai.request.model": "lab/m",
    "gen_ai.usage.input_tokens": 7,
    "gen_ai.usage.output_tokens": 5,
    "parley.request_id": response.headers.get("x-request-id"),
    "parley.outcome": "completed",
  });
  expect(client?.told).toMatchObject({
    "gen_ai.system": "lab",
    "gen_ai.provider.name": "lab",
    "gen_ai.request.model": "m",
    "parley.upstream_request_id": "theirs",
  });
  const beganMs = Number(BigInt(server?.startTimeUnixNano ?? "0") / 1_000_000n);
  expect(beganMs).toBeGreaterThanOrEqual(before - 100);
  expect(beganMs).toBeLessThanOrEqual(Date.now() + 100);
  expect(BigInt(server?.endTimeUnixNano ?? "0")).toBeGreaterThan(
    BigInt(server?.startTimeUnixNano ?? "0"),
  );
});

test("a refusal is an error on both spans, in words that quote nothing", async () => {
  gateway = await start({ otlpEndpoint: `${collector.url}/v1/traces` });
  script = ({ body }) => Response.json({ error: { message: body, code: body } }, { status: 500 });
  await (await gateway.post("/v1/chat/completions", { model: "lab/m", messages })).text();
  expect(upstream.received.at(-1)?.headers["traceparent"]).toBeUndefined();
  const spans = await collected();
  expect(spans.map(({ status }) => status.code)).toEqual([2, 2]);
  expect(JSON.stringify(spans)).not.toContain(CANARY);
  expect(spans.find(({ kind }) => kind === 3)?.told).toMatchObject({ "error.type": "internal" });
});

test("a caller that wants no trace gets none", async () => {
  gateway = await start({ otlpEndpoint: collector.url, propagate: true });
  script = () => Response.json({ id: "x", object: "chat.completion", choices, usage });
  const headers = { traceparent: `00-${TRACE}-${SPAN}-00` };
  await gateway.post("/v1/chat/completions", { model: "lab/m", messages }, { headers });
  expect(upstream.received.at(-1)?.headers["traceparent"]).toBeUndefined();
  expect(await collected()).toEqual([]);
});

test("a collector that refuses or is not there costs spans and a warning, never a request", async () => {
  collect = () => new Response("no", { status: 400 });
  for (const otlpEndpoint of [collector.url, "http://127.0.0.1:1"]) {
    gateway = await start({ otlpEndpoint });
    const response = await gateway.post("/v1/chat/completions", { model: "sim/echo", messages });
    expect(response.status).toBe(200);
    const beganMs = performance.now();
    await gateway.stop();
    expect(performance.now() - beganMs).toBeLessThan(8_000);
    if (otlpEndpoint === collector.url) expect(gateway.logged()).toContain("does not take traces");
  }
  collect = () => Response.json({});
});
