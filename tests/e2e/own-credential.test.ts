// A caller's own credential beside its key of ours: where it goes, where it never goes, and that nothing of it stays.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KeyRules, openGatewayKeys } from "#gateway";
import { eventStream, startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const SHARED = "sk-shared-0123456789abcdef";
const CLAUDE = "anthropic/claude-sonnet-5";
// Of no shape that anybody would know for a secret.
const OWN = "their.own.bearer.of.no.shape";

const REPLY = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "ok" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 3, output_tokens: 1 },
};
const STREAM =
  'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":3}}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n';

const answer: Script = ({ body }) =>
  body.includes('"stream":true') ? eventStream([STREAM]) : Response.json(REPLY);
let script: Script = answer;
const upstream = startScriptedUpstream((request) => script(request));
let gateway: GatewayUnderTest;
const secrets: Record<string, string> = {};

beforeAll(async () => {
  const provider = (api: string) => ({
    api,
    baseUrl: api === "messages" ? upstream.url : `${upstream.url}/v1`,
    apiKey: SHARED,
    models: [{ id: "m" }],
    ...(api === "messages" && { endpoints: ["count_tokens"] }),
  });
  gateway = await startGatewayUnderTest({
    env: { ANTHROPIC_BASE_URL: upstream.url },
    config: {
      gateway: {
        routes: {
          either: [
            { model: "other/m", priority: 0 },
            { model: "lab/m", priority: 1 },
          ],
        },
        prices: { "lab/m": { input: 1, output: 1, cacheRead: 1, cacheWrite5m: 1 } },
      },
      providers: {
        lab: provider("messages"),
        other: provider("messages"),
        chat: provider("chat"),
      },
    },
  });
  const keys = await openGatewayKeys(gateway.env);
  const make = (name: string, rules: object) => {
    const wanted = { name, owner: "", rules: KeyRules.parse(rules) };
    secrets[name] = keys.create({ ...wanted, validFromMs: null, validUntilMs: null }).secret;
  };
  make("open", { transparent: ["lab", "chat"] });
  make("bound", { transparent: ["lab"], credentials: [3] });
  make("once", { transparent: ["lab"], requestsPerMinute: 1 });
  make("poor", { transparent: ["lab"], budgets: { total: 1 } });
  make("brought", { transparent: ["anthropic"] });
  make("closed", {});
  keys.close();
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

/** Asks with exactly these credentials; what came back, and what the upstream was shown. */
async function ask(
  headers: Record<string, string>,
  { model = "lab/m", path = "/v1/messages", ...more }: Record<string, unknown> = {},
) {
  const before = upstream.received.length;
  const response = await fetch(gateway.url + String(path), {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      model,
      max_tokens: 9,
      messages: [{ role: "user", content: "hi" }],
      ...more,
    }),
  });
  const text = await response.text();
  const seen = upstream.received.slice(before).map((request) => ({
    bearer: request.headers["authorization"],
    apiKey: request.headers["x-api-key"],
    organization: request.headers["openai-organization"],
    ours: request.headers["x-parley-key"],
  }));
  return { status: response.status, headers: response.headers, text, seen };
}

const nothing = {
  bearer: undefined,
  apiKey: undefined,
  organization: undefined,
  ours: undefined,
};
const asShared = [{ ...nothing, apiKey: SHARED }];
const asOwn = [{ ...nothing, bearer: `Bearer ${OWN}` }];
const beside = (name: string, own = OWN) => ({
  "x-api-key": secrets[name] ?? "",
  authorization: `Bearer ${own}`,
});

test("goes to the provider that its key allows, as it came, and ours does not", async () => {
  for (const more of [{}, { stream: true }, { path: "/v1/messages/count_tokens" }]) {
    const { status, seen } = await ask(beside("open"), more);
    expect([status, seen]).toEqual([200, asOwn]);
  }
  const named = await ask({ "x-parley-key": secrets["open"] ?? "", "x-api-key": OWN });
  expect(named.seen).toEqual([{ ...nothing, apiKey: OWN }]);
  const whose = { ...beside("open"), "openai-organization": "org-theirs" };
  const body = { model: "chat/m", path: "/v1/chat/completions" };
  expect((await ask(whose, body)).seen).toEqual([
    { ...nothing, bearer: `Bearer ${OWN}`, organization: "org-theirs" },
  ]);
});

test("goes to no other provider, and from no key that allows it none", async () => {
  expect((await ask(beside("open"), { model: "other/m" })).seen).toEqual(asShared);
  expect((await ask(beside("closed"))).seen).toEqual(asShared);
  expect((await ask({ "x-api-key": gateway.token, authorization: `Bearer ${OWN}` })).seen).toEqual(
    asShared,
  );
  expect((await ask({ authorization: `Bearer ${secrets["open"]}` })).seen).toEqual(asShared);
});

test("makes the models of its provider usable, and listed, where there is no account of ours", async () => {
  const listed = async (headers: Record<string, string>) => {
    const list = await fetch(`${gateway.url}/v1/models`, { headers });
    return ((await list.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
  };
  expect(await listed(beside("brought"))).toContain(CLAUDE);
  expect(await listed({ "x-api-key": secrets["brought"] ?? "" })).not.toContain(CLAUDE);
  expect(await listed(beside("open"))).not.toContain(CLAUDE);
  expect((await ask(beside("brought"), { model: CLAUDE })).seen).toEqual(asOwn);
  expect((await ask({ "x-api-key": secrets["brought"] ?? "" }, { model: CLAUDE })).status).toBe(
    502,
  );
});

test("is never a key of ours, whosever it is and even one that has ended", async () => {
  const ended = `plk_${"a".repeat(43)}`;
  for (const ours of [secrets["open"], secrets["closed"], gateway.token, ended]) {
    const { seen } = await ask({ "x-parley-key": secrets["open"] ?? "", "x-api-key": ours ?? "" });
    expect(seen).toEqual(asShared);
  }
});

test("is the only one that is tried: no shared account stands in, and none rests for it", async () => {
  script = () => Response.json({ error: { type: "overloaded_error" } }, { status: 529 });
  const failed = await ask(beside("open"), { model: "either" });
  expect([failed.status, failed.seen]).toEqual([529, asOwn]);
  script = answer;
  expect((await ask(beside("closed"))).seen).toEqual(asShared);
  expect((await ask(beside("open"))).status).toBe(200);
});

test("that is refused is its caller's to renew: the status and words of the provider", async () => {
  for (const status of [401, 403]) {
    const error = { type: "authentication_error", message: `bad token ${OWN}`, code: OWN };
    script = () => Response.json({ type: "error", error }, { status });
    const refused = await ask(beside("open"));
    expect([refused.status, refused.seen]).toEqual([status, asOwn]);
    expect(JSON.parse(refused.text)).toMatchObject({ error: { type: "authentication_error" } });
    expect(refused.headers.get("x-should-retry")).toBeNull();
  }
  script = answer;
  expect((await ask(beside("closed"))).status).toBe(200);
});

test("goes with no request that would have to be translated", async () => {
  for (const [path, model] of [
    ["/v1/chat/completions", "lab/m"],
    ["/v1/messages", "chat/m"],
  ]) {
    const refused = await ask(beside("open"), { path, model });
    expect([refused.status, refused.seen]).toEqual([400, []]);
    expect(refused.text).toContain("Your own credential");
  }
});

test("is no way around limits and budgets, nor held to accounts of ours", async () => {
  expect((await ask(beside("once"))).status).toBe(200);
  expect((await ask(beside("once"))).status).toBe(429);
  const poor = await ask(beside("poor"));
  expect([poor.status, poor.seen]).toEqual([402, []]);
  expect((await ask(beside("bound"))).seen).toEqual(asOwn);
  const shared = await ask({ "x-api-key": secrets["bound"] ?? "" });
  expect(shared.headers.get("x-parley-refusal")).toBe("credential_not_allowed");
});

test("is in no log, no file of the home, and no record of what was decided", async () => {
  expect(gateway.logged()).not.toContain(OWN);
  const home = gateway.env["PARLEY_HOME"] ?? "";
  const written = () => readdirSync(home).map((name) => readFileSync(join(home, name), "latin1"));
  const deadline = performance.now() + 10_000;
  // The last of them is on disk once the records of the requests above are.
  while (!written().join("").includes("credential_not_allowed")) {
    expect(performance.now()).toBeLessThan(deadline);
    await Bun.sleep(50);
  }
  expect(written().join("")).not.toContain(OWN);
});
