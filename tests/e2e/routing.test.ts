// Several accounts behind one gateway, over real sockets: who serves, who is asked in vain, and what callers hear.

import { afterEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { CredentialSource } from "#broker/client";
import type { CredentialBlock } from "#wire";
import {
  eventStream,
  type ReceivedRequest,
  type ScriptedUpstream,
  startScriptedUpstream,
} from "../scripted-upstream.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";
import { messageReply } from "./message-reply.ts";

const keyOf = (id: number): string => `sk-test-account-${id}-0123456789`;
const idOf = ({ headers }: ReceivedRequest): number =>
  Number(/account-(\d+)-/.exec(headers["x-api-key"] ?? headers["authorization"] ?? "")?.[1]);

type Answer = (id: number, request: ReceivedRequest) => Response | Promise<Response>;

const message = messageReply({ input_tokens: 1, output_tokens: 1 });
const ok = () => Response.json(message);
const limitBody = (id: number) =>
  `{"type":"error", "error":{"type":"rate_limit_error","message":"slow down, ${id}"},"extra":1.50}`;
const limited = (id: number, seconds: number) =>
  new Response(limitBody(id), {
    status: 429,
    headers: { "retry-after": String(seconds), "content-type": "application/json" },
  });
const fails = (status: number) =>
  Response.json({ type: "error", error: { type: "api_error", message: "x" } }, { status });

const notFound = () =>
  Response.json(
    { type: "error", error: { type: "not_found_error", message: "model: claude-new" } },
    { status: 404 },
  );

let upstream: ScriptedUpstream;
let gateway: GatewayUnderTest;
let told: [number, CredentialBlock][] = [];

async function start(accounts: number, answer: Answer, config: Record<string, unknown> = {}) {
  told = [];
  upstream = startScriptedUpstream((request) => answer(idOf(request), request));
  const entries = Array.from({ length: accounts }, (_, index) => ({
    id: index + 1,
    credential: { type: "api_key", key: keyOf(index + 1) } as const,
  }));
  const credentials: CredentialSource = {
    entries: (provider) => (provider === "anthropic" ? entries : []),
    fresh: () => Promise.reject(new Error("keys do not run out")),
    block: async (id, block) => void told.push([id, block]),
  };
  gateway = await startGatewayUnderTest({
    env: { ANTHROPIC_BASE_URL: upstream.url },
    credentials,
    config,
  });
}

afterEach(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

function ask(
  content: string,
  {
    path = "/v1/messages",
    headers = {},
    ...more
  }: Record<string, unknown> & {
    path?: string;
    headers?: Record<string, string>;
  } = {},
) {
  const messages = [{ role: "user", content }];
  const body = { model: "anthropic/claude-sonnet-4-5", max_tokens: 9, messages, ...more };
  return gateway.post(path, body, { headers });
}

const asked = () => upstream.received.map(idOf);

test("a storm of 429 on one account is served by its sibling, and the account is left alone", async () => {
  await start(2, (id) => (id === 1 ? limited(1, 30) : ok()));
  const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => ask(`q ${index}`)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const before = asked().filter((id) => id === 1).length;
  for (let count = 0; count < 10; count++) expect((await ask(`later ${count}`)).status).toBe(200);
  expect(asked().filter((id) => id === 1)).toHaveLength(before);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject([
    1,
    { providerKey: "anthropic", blockScope: "model:claude-sonnet-4-5" },
  ]);
});

test("when every account is down the exact refusal goes out at once, and the soonest", async () => {
  await start(3, (id) => limited(id, id * 10));
  // The quickest of a few, each a model of its own that nobody rests for: the machine may be busy.
  const elapsedMs: number[] = [];
  for (let count = 0; count < 5; count++) {
    const startedMs = performance.now();
    await ask("warm up", { model: `anthropic/claude-${count}` });
    elapsedMs.push(performance.now() - startedMs);
  }
  expect(Math.min(...elapsedMs)).toBeLessThan(100);
  const response = await ask("hello");
  expect(response.status).toBe(429);
  expect(response.headers.get("retry-after")).toBe("10");
  expect(await response.text()).toBe(limitBody(1));
  expect(asked().slice(-3).toSorted()).toEqual([1, 2, 3]);
});

test.each([
  ["/v1/messages", (body: { error: { type: string } }) => body.error.type, "rate_limit_error"],
  [
    "/v1/chat/completions",
    (body: { error: { code: string } }) => body.error.code,
    "rate_limit_exceeded",
  ],
] as const)("…in the dialect of %s", async (path, read, expected) => {
  await start(2, (id) => limited(id, 7));
  const response = await ask("hello", { path });
  expect(response.status).toBe(429);
  expect(response.headers.get("retry-after")).toBe("7");
  expect(read((await response.json()) as never)).toBe(expected);
});

test.each([
  ["a server error", () => fails(500)],
  ["overload", () => fails(529)],
  ["a refused key", () => fails(401)],
  [
    "an error as the first event of a 200",
    () =>
      eventStream([
        'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n',
      ]),
  ],
  ["a stream that never begins", () => eventStream([])],
])("%s before the first byte is served by a sibling, streaming too", async (_name, failure) => {
  const stream = [
    `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message: { ...message, content: [] } })}\n\n`,
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ];
  await start(2, (id) => (id === 1 ? failure() : eventStream(stream)));
  const response = await ask("hello", { stream: true });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain("message_stop");
  expect(asked()).toEqual([1, 2]);
});

test("after the first byte nobody else is asked, and the account that broke off rests", async () => {
  const begun = `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message })}\n\n`;
  const overload =
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n';
  await start(2, (id, { body }) =>
    id === 1 && body.includes('"stream":true') ? eventStream([begun, overload]) : ok(),
  );
  const text = await (await ask("hello", { stream: true })).text();
  expect(text).toContain("overloaded_error");
  expect(asked()).toEqual([1]);
  for (const content of ["a", "b", "c"]) expect((await ask(content)).status).toBe(200);
  expect(asked().slice(1)).toEqual([2, 2, 2]);
});

test("what is about the request is asked once", async () => {
  await start(3, () => fails(400));
  expect((await ask("hello")).status).toBe(400);
  expect(asked()).toHaveLength(1);
});

test.each(["/v1/messages", "/v1/chat/completions"])(
  "by %s a model that one account does not have is served by its sibling",
  async (path) => {
    await start(2, (id) => (id === 1 ? notFound() : ok()));
    for (let count = 0; count < 4; count++) {
      expect((await ask(`q ${count}`, { path })).status).toBe(200);
    }
    expect(new Set(asked())).toEqual(new Set([1, 2]));
    expect(told).toEqual([]);
  },
);

test("no request costs more calls than the configuration allows, however it fails", async () => {
  const faults = [() => limited(0, 1), () => fails(503), () => fails(401), () => fails(500)];
  await start(8, () => faults[Math.floor(Math.random() * faults.length)]?.() ?? ok(), {
    gateway: { maxAttempts: 2 },
  });
  for (let round = 0; round < 30; round++) {
    const before = upstream.received.length;
    expect((await ask(`q ${round}`)).ok).toBe(false);
    expect(upstream.received.length - before).toBeLessThanOrEqual(2);
  }
});

test("a conversation stays on its account, and moves when the account must rest", async () => {
  let resting = 0;
  await start(3, (id) => (id === resting ? limited(id, 30) : ok()));
  const turn = () => ask("hello", { headers: { "x-claude-code-session-id": "s-1" } });
  for (let count = 0; count < 5; count++) await turn();
  const [first = 0, ...others] = asked();
  expect(others).toEqual([first, first, first, first]);
  resting = first;
  expect((await turn()).status).toBe(200);
  const next = asked().at(-1);
  expect(next).not.toBe(first);
  resting = 0;
  await turn();
  expect(asked().at(-1)).toBe(next);
});

test("a hundred callers at once: every answer comes from the account that was asked", async () => {
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  await start(10, async (id, { body }) => {
    await Bun.sleep(Math.random() * 5);
    const said = /caller-\d+-\d+/.exec(body)?.[0] ?? "";
    const content = [{ type: "text", text: `${said} ${hash(keyOf(id))}` }];
    return Response.json({ ...message, content });
  });
  const known = new Set(Array.from({ length: 10 }, (_, index) => hash(keyOf(index + 1))));
  const accountsOf = new Map<number, Set<string>>();
  const callers = Array.from({ length: 100 }, (_, index) => index);
  await Promise.all(
    callers.map(async (caller) => {
      const headers = { "x-parley-session": `caller-${caller}` };
      const seen = new Set<string>();
      accountsOf.set(caller, seen);
      for (let round = 0; round < 5; round++) {
        const said = `caller-${caller}-${round}`;
        const answer = (await (await ask(said, { headers })).json()) as typeof message;
        const [echo, account = ""] = answer.content[0]?.text.split(" ") ?? [];
        expect(echo).toBe(said);
        expect(known.has(account)).toBe(true);
        seen.add(account);
      }
    }),
  );
  expect([...accountsOf.values()].every(({ size }) => size === 1)).toBe(true);
  expect(new Set([...accountsOf.values()].flatMap((seen) => [...seen])).size).toBe(10);
});

test("aliases are listed and served, and a route decides what several providers have", async () => {
  await start(1, ok, {
    gateway: {
      routes: {
        best: [{ model: "anthropic/claude-opus-4-8" }],
        "team-*": [{ model: "anthropic/claude-*" }],
      },
    },
  });
  const headers = { authorization: `Bearer ${gateway.token}` };
  const list = (await (await fetch(`${gateway.url}/v1/models`, { headers })).json()) as {
    data: { id: string }[];
  };
  expect(list.data.map(({ id }) => id)).toContain("best");
  const response = await ask("hello", { model: "best" });
  expect(response.headers.get("x-parley-model")).toBe("anthropic/claude-opus-4-8");
  await ask("hello", { model: "team-next" });
  expect(upstream.received.at(-1)?.body).toContain('"claude-next"');
});

const complaint = (host: string) =>
  JSON.stringify({ type: "error", error: { type: "api_error", message: `${host} is tired` } });

test.each(["/v1/messages", "/v1/chat/completions"])(
  "where the operator's upstream is stays unknown to callers of %s",
  async (path) => {
    await start(1, (_id, { body }) => {
      const event = complaint(new URL(upstream.url).host);
      if (body.includes("whole")) return new Response(event, { status: 400 });
      const begun = `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message })}\n\n`;
      const delta = `event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}\n\n`;
      const error = `event: error\ndata: ${event}\n\n`;
      return eventStream(body.includes("late") ? [begun, delta, error] : [error]);
    });
    for (const [content, stream] of [
      ["whole", false],
      ["late", true],
      ["first", true],
    ] as const) {
      const text = await (await ask(content, { path, stream })).text();
      expect(text).toContain("anthropic is tired");
      expect(text).not.toContain("127.0.0.1");
    }
  },
);
