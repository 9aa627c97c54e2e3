// What a caller is told when something goes wrong: real statuses before the first byte, honest endings after
// it, the caller's own dialect always, and never a key, a host or a path.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { grammars } from "../grammar/grammar.ts";
import { eventStream, startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";
import { type ClientId, clientIds, clients } from "./asking-clients.ts";

const KEY = "sk-test-0123456789abcdefghijklmnop";

let script: Script = () => new Response("no script", { status: 500 });
const upstream = startScriptedUpstream((request) => script(request));
const providers = {
  um: { api: "messages", baseUrl: upstream.url, apiKey: KEY, models: [{ id: "m" }] },
  uc: { api: "chat", baseUrl: `${upstream.url}/v1`, apiKey: KEY, models: [{ id: "m" }] },
  ur: { api: "responses", baseUrl: `${upstream.url}/v1`, apiKey: KEY, models: [{ id: "m" }] },
  dead: { api: "chat", baseUrl: "http://127.0.0.1:1/v1", apiKey: KEY, models: [{ id: "m" }] },
  keyless: {
    api: "chat",
    baseUrl: `${upstream.url}/v1`,
    apiKey: "NO_SUCH_VARIABLE",
    models: [{ id: "m" }],
  },
};
let gateway: GatewayUnderTest;

beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: {
      gateway: {
        maxBodyBytes: 1_000_000,
        maxInFlight: 4,
        idleTimeoutMs: 300,
        // Long enough for a busy machine to notice that nobody listens.
        headersTimeoutMs: 800,
      },
      providers,
    },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

afterEach(() => expect(gateway.logged()).not.toContain(KEY));

function ask(
  client: ClientId,
  model: string,
  more: Record<string, unknown> = {},
  init: RequestInit = {},
) {
  const { path, said } = clients[client];
  return gateway.post(path, { model, ...said, ...more }, init);
}

async function refusal(response: Response) {
  const text = await response.text();
  expect(text).not.toContain(KEY);
  expect(text).not.toContain("127.0.0.1");
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(response.headers.get("x-request-id")).toMatch(/^req_/);
  const body = JSON.parse(text) as { type?: string; error: { type?: string; message: string } };
  const isAnthropic = body.type === "error";
  return { status: response.status, isAnthropic, ...body.error };
}

describe.each(clientIds)("a %s client", (client) => {
  const isAnthropic = client === "messages";

  test("without the gateway's key is refused before anything else", async () => {
    for (const headers of [
      { authorization: "Bearer wrong" },
      { authorization: "" },
      { authorization: "Basic x" },
    ]) {
      const response = await ask(client, "no/such", {}, { headers });
      const found = await refusal(response);
      expect(found).toMatchObject({ status: 401, isAnthropic });
      expect(found.message).toEndWith("in x-api-key.");
    }
  });

  test("may show the key as x-api-key, even beside somebody else's bearer", async () => {
    const headers = { authorization: "Bearer other", "x-api-key": gateway.token };
    const response = await ask(client, "sim/echo", {}, { headers });
    expect(response.status).toBe(200);
  });

  test("that asks for an unknown model gets its dialect's status and a near name", async () => {
    const status = client === "responses" ? 400 : 404;
    const found = await refusal(await ask(client, "sim/ehco"));
    expect(found).toMatchObject({ status, isAnthropic });
    expect(found.message).toContain('"sim/echo"');
  });

  test.each([
    ["{", "line 1"],
    ["[]", "object"],
    ['{"model":"sim/echo",,}', "line 1"],
    ['{"messages":[]}', "model"],
    ['{"model":7}', "model"],
    ['{"model":"sim/echo","model":"x"}', "model"],
    ['{"model":"sim/echo","stream":"yes"}', "stream"],
    ['{"model":"openai/a\\nset-cookie: x"}', "model"],
    [`{"model":"openai/${"a".repeat(300)}"}`, "model"],
    [`{"model":"sim/echo","x":${"[".repeat(300)}${"]".repeat(300)}}`, "deep"],
    ['{"model":"sim/echo","x":"\u0000"}', "line 1"],
  ])("that sends %p is told what is wrong with it", async (body, hint) => {
    const found = await refusal(await gateway.post(clients[client].path, body));
    expect(found).toMatchObject({ status: 400, isAnthropic });
    expect(found.message).toContain(hint);
  });

  test("that sends too much, an unknown compression, or to nowhere is told so", async () => {
    const big = await ask(client, "sim/echo", { filler: "x".repeat(1_100_000) });
    expect(await refusal(big)).toMatchObject({ status: 413, isAnthropic });
    const packed = await ask(client, "sim/echo", {}, { headers: { "content-encoding": "lzw" } });
    expect(await refusal(packed)).toMatchObject({ status: 415, isAnthropic });
    const corrupt = await ask(client, "sim/echo", {}, { headers: { "content-encoding": "br" } });
    expect(await refusal(corrupt)).toMatchObject({ status: 400, isAnthropic });
    const bomb = zstdCompressSync(Buffer.alloc(1_100_000, 0x20));
    const init = { body: bomb, headers: { "content-encoding": "zstd" } };
    const bombed = await gateway.post(clients[client].path, "", init);
    expect(await refusal(bombed)).toMatchObject({ status: 413, isAnthropic });
    const nowhere = await gateway.post(
      `${clients[client].path}/nothing/there`,
      {},
      {
        headers: isAnthropic ? { "anthropic-version": "2023-06-01" } : {},
      },
    );
    expect(await refusal(nowhere)).toMatchObject({ status: 404, isAnthropic });
  });

  test("of a dead upstream gets 502 at once, streaming or not", async () => {
    for (const stream of [false, true]) {
      expect(await refusal(await ask(client, "dead/m", { stream }))).toMatchObject({
        status: 502,
        isAnthropic,
      });
    }
  });

  test("of a provider whose key cannot be resolved is not told the operator's secrets", async () => {
    const found = await refusal(await ask(client, "keyless/m"));
    expect(found).toMatchObject({ status: 502, isAnthropic });
    expect(found.message).not.toContain("NO_SUCH_VARIABLE");
  });

  for (const provider of ["uc", "ur", "um"] as const) {
    test(`sees the true status, retry-after and its own envelope from ${provider}`, async () => {
      const error = { type: "rate_limit_error", message: "slow down", code: "rate_limit_exceeded" };
      const body = provider === "um" ? { type: "error", error } : { error };
      script = () => Response.json(body, { status: 429, headers: { "retry-after": "7" } });
      for (const stream of [false, true]) {
        const response = await ask(client, `${provider}/m`, { stream });
        expect(response.headers.get("retry-after")).toBe("7");
        const found = await refusal(response);
        expect(found).toMatchObject({ status: 429, message: "slow down", isAnthropic });
      }
    });

    test(`is not shown the key that ${provider} rejects and echoes`, async () => {
      script = () =>
        Response.json(
          { type: "error", error: { type: "authentication_error", message: `bad key ${KEY}` } },
          { status: 401 },
        );
      const found = await refusal(await ask(client, `${provider}/m`));
      expect(found).toMatchObject({ status: 502, isAnthropic });
    });

    test(`gets 502 for a page, a redirect or nonsense from ${provider}`, async () => {
      const html = () =>
        new Response("<html>hello</html>", { headers: { "content-type": "text/html" } });
      script = html;
      expect(await refusal(await ask(client, `${provider}/m`))).toMatchObject({
        status: 502,
        isAnthropic,
      });
      script = () => Response.redirect(`${upstream.url}/elsewhere`);
      expect(await refusal(await ask(client, `${provider}/m`))).toMatchObject({
        status: 502,
        isAnthropic,
      });
    });

    test(`gets a timeout, not a hang, when ${provider} never answers`, async () => {
      script = ({ signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve(new Response(null))),
        );
      expect(await refusal(await ask(client, `${provider}/m`))).toMatchObject({
        status: 504,
        isAnthropic,
      });
    });
  }

  test.each(["reset", "malformed", "error-midstream"])(
    "never takes a stream for finished that ended in %s, in either lane",
    async (fault) => {
      for (const provider of ["sim", "sim-chat", "sim-responses", "sim-messages"]) {
        const isForwarded = provider === "sim" || provider === `sim-${client}`;
        const response = await ask(client, `${provider}/${fault}`, { stream: true });
        expect(response.status).toBe(200);
        const text = await response.text();
        expect(grammars[client].readStream(text).error).toBeDefined();
        // What is forwarded unparsed is the upstream's own grammar, malformed events included.
        if (!isForwarded) expect(grammars[client].checkStream(text)).toEqual([]);
      }
    },
  );

  test("gets a real status when a stream begins with its failure, in either lane", async () => {
    const error = { type: "overloaded_error", message: "too busy", code: "server_is_overloaded" };
    const events = {
      uc: `data: ${JSON.stringify({ error })}\n\n`,
      um: `event: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`,
    };
    for (const [provider, event] of Object.entries(events)) {
      for (const pieces of [[event], [...event]]) {
        script = () => eventStream(pieces);
        const found = await refusal(await ask(client, `${provider}/m`, { stream: true }));
        expect(found).toMatchObject({
          status: isAnthropic ? 529 : 503,
          message: "too busy",
          isAnthropic,
        });
      }
    }
  });

  test("gets an error ending when the upstream falls silent in mid-stream", async () => {
    for (const provider of ["uc", "ur", "um"]) {
      const { promise, resolve } = Promise.withResolvers<void>();
      script = ({ signal }) => {
        signal.addEventListener("abort", () => resolve());
        return eventStream([": hello\n\n"], { hold: promise });
      };
      const response = await ask(client, `${provider}/m`, { stream: true });
      const text = await response.text();
      const isError =
        response.status === 504 || grammars[client].readStream(text).error !== undefined;
      expect(isError).toBe(true);
    }
  });
});

/** How an answer of each upstream begins, up to what a caller can see of it. */
const beginnings: Readonly<Record<string, readonly object[]>> = {
  uc: [
    { id: "c", model: "m", choices: [{ index: 0, delta: { role: "assistant", content: "a" } }] },
  ],
  um: [
    {
      type: "message_start",
      message: { id: "msg_1", role: "assistant", model: "m", content: [], usage: {} },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "a" } },
  ],
  ur: [
    { type: "response.created", sequence_number: 0, response: { id: "resp_1", output: [] } },
    {
      type: "response.output_item.added",
      sequence_number: 1,
      output_index: 0,
      item: { type: "message", id: "msg_1", role: "assistant", content: [] },
    },
    { type: "response.output_text.delta", sequence_number: 2, output_index: 0, delta: "a" },
  ],
};

describe("a caller that leaves", () => {
  let patient: GatewayUnderTest;

  beforeAll(async () => {
    // With its own limits out of the way: only the caller's leaving can end the upstream call in time.
    const limits = { idleTimeoutMs: 600_000, headersTimeoutMs: 600_000 };
    patient = await startGatewayUnderTest({ config: { gateway: limits, providers } });
  });

  afterAll(() => patient.stop());

  test.each(
    clientIds.flatMap((client) =>
      ["uc", "ur", "um"].flatMap((provider) =>
        ["before", "after"].map((when) => [client, provider, when] as const),
      ),
    ),
  )(
    "from %s to %s %s the first byte stops the upstream call",
    async (client, provider, when) => {
      const { path, said } = clients[client];
      const arrived = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      script = ({ signal }) => {
        signal.addEventListener("abort", () => gone.resolve());
        arrived.resolve();
        if (when === "before") return new Promise<Response>(() => undefined);
        const begun = beginnings[provider]?.map((event) => `data: ${JSON.stringify(event)}\n\n`);
        return eventStream([": hello\n\n", ...(begun ?? [])], { hold: gone.promise });
      };
      const leaving = new AbortController();
      const body = { model: `${provider}/m`, stream: true, ...said };
      const asked = patient.post(path, body, { signal: leaving.signal });
      asked.catch(() => undefined);
      await arrived.promise;
      if (when === "after") expect((await asked).status).toBe(200);
      leaving.abort();
      // Resolves only when the upstream saw its connection close; the test's own limit is the deadline.
      await gone.promise;
    },
    30_000,
  );
});

test("a stranger is refused before a byte of the body is read", async () => {
  const body = new ReadableStream({
    // Would never end: only an answer that does not wait for it can come.
    pull: (controller) => controller.enqueue(new Uint8Array(1_024)),
  });
  const headers = { authorization: "Bearer wrong" };
  const response = await fetch(`${gateway.url}/v1/messages`, { method: "POST", body, headers });
  expect(await refusal(response)).toMatchObject({ status: 401, isAnthropic: true });
});

test.each(clientIds)(
  "a key that an upstream echoes is shown to no %s client, in either lane",
  async (client) => {
    const error = { type: "api_error", message: `bad key ${KEY} at the end`, code: KEY };
    const events = {
      uc: [
        `data: {"choices":[{"index":0,"delta":{"content":"${KEY}"}}]}\n\n`,
        `data: ${JSON.stringify({ error })}\n\n`,
      ],
      um: [`event: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`],
      ur: [
        `event: error\ndata: ${JSON.stringify({ type: "error", sequence_number: 0, error })}\n\n`,
      ],
    };
    for (const [provider, pieces] of Object.entries(events)) {
      for (const stream of [true, false]) {
        // Cut in the middle of the key, too.
        const text = pieces.join("");
        const cut = text.indexOf(KEY) + 5;
        script = () => eventStream([text.slice(0, cut), text.slice(cut)]);
        const response = await ask(client, `${provider}/m`, { stream });
        expect(await response.text()).not.toContain(KEY.slice(8));
      }
    }
  },
);

test("requests beyond the limit are refused with retry-after, and the places come back", async () => {
  const release = Promise.withResolvers<void>();
  let arrivals = 0;
  const full = Promise.withResolvers<void>();
  script = async () => {
    arrivals += 1;
    if (arrivals === 4) full.resolve();
    await release.promise;
    return Response.json({ id: "x", object: "chat.completion", choices: [] });
  };
  const held = Array.from({ length: 4 }, () => ask("chat", "uc/m"));
  await full.promise;
  const response = await ask("messages", "sim/echo");
  expect(response.headers.get("retry-after")).toBe("1");
  expect(await refusal(response)).toMatchObject({ status: 529, type: "overloaded_error" });
  release.resolve();
  await Promise.all(held);
  expect((await ask("messages", "sim/echo")).status).toBe(200);
});

test("a web page cannot reach the gateway: foreign Host and Origin are refused", async () => {
  for (const headers of [
    { origin: "https://evil.example" },
    { host: "evil.example" },
    { "sec-fetch-site": "cross-site" },
  ]) {
    const response = await ask("chat", "sim/echo", {}, { headers });
    expect(response.status).toBe(403);
  }
});

test("a model id that is not escaped properly is unknown, not an internal error", async () => {
  const headers = { authorization: `Bearer ${gateway.token}` };
  const response = await fetch(`${gateway.url}/v1/models/%E0%A4%A`, { headers });
  expect(response.status).toBe(404);
});

test("an error inside a 200 is an error, whole and in either lane", async () => {
  const error = { type: "overloaded_error", message: "too busy", code: "server_is_overloaded" };
  for (const client of clientIds) {
    for (const provider of ["uc", "um"]) {
      script = () => Response.json(provider === "um" ? { type: "error", error } : { error });
      const found = await refusal(await ask(client, `${provider}/m`));
      expect(found.status).toBeGreaterThanOrEqual(500);
      expect(found.message).toBe("too busy");
    }
  }
});

test("a last event without its blank line gets one, or no client would see it", async () => {
  script = () => eventStream(['event: message_stop\ndata: {"type":"message_stop"}\n']);
  const response = await ask("messages", "um/m", { stream: true });
  expect(await response.text()).toEndWith("}\n\n\n");
});

test("state of another provider is taken out before a conversation goes on here", async () => {
  script = () => Response.json({ id: "msg_1", type: "message", content: [] });
  const thinking = { type: "thinking", thinking: "hm", signature: "gw1.eyJmIjoiY2hhdCJ9" };
  const messages = [
    { role: "user", content: "a" },
    { role: "assistant", content: [thinking, { type: "text", text: "b" }] },
    { role: "user", content: "c" },
  ];
  await ask("messages", "um/m", { messages });
  expect(upstream.received.at(-1)?.body).not.toContain("gw1.");
  expect(upstream.received.at(-1)?.body).toContain('"text":"b"');
});

test("a stream of two answers is not finished when one of them is", async () => {
  script = () =>
    eventStream(['data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n']);
  const cut = await (await ask("chat", "uc/m", { stream: true, n: 2 })).text();
  expect(cut).toContain('"error"');
  const whole = await (await ask("chat", "uc/m", { stream: true })).text();
  expect(whole).not.toContain('"error"');
});

test("a key inside a whole answer reaches no client, in either lane", async () => {
  const message = { role: "assistant", content: `it is ${KEY}` };
  for (const client of clientIds) {
    script = () =>
      Response.json({ id: "1", choices: [{ index: 0, message, finish_reason: "stop" }] });
    const text = await (await ask(client, "uc/m")).text();
    expect(text).toContain("it is ");
    expect(text).not.toContain(KEY);
  }
});

test("the beta switch and vendor headers reach an upstream of the same dialect, others do not", async () => {
  script = () => Response.json({ id: "msg_1", type: "message", content: [] });
  const headers = {
    "anthropic-beta": "a-2026,b-2026",
    "anthropic-new-thing": "1",
    cookie: "c=1",
    "x-parley-sim": "echo",
  };
  const { said } = clients.messages;
  await gateway.post("/v1/messages?beta=true&evil=1", { model: "um/m", ...said }, { headers });
  const seen = upstream.received.at(-1);
  expect(seen?.path).toBe("/v1/messages?beta=true");
  expect(seen?.headers).toMatchObject({
    "anthropic-beta": "a-2026,b-2026",
    "anthropic-new-thing": "1",
    "anthropic-version": "2023-06-01",
  });
  for (const name of ["cookie", "x-parley-sim", "authorization"])
    expect(seen?.headers[name]).toBeUndefined();
});

test("the body of a same-dialect request arrives byte for byte, but for the model's name", async () => {
  script = () => Response.json({ id: "msg_1", type: "message", content: [] });
  const body =
    '{ "zeta": 1.50, "model" : "um\\u002fm" ,"n": 12345678901234567890, "messages":[ ],\n"max_tokens":1e2 }';
  await gateway.post("/v1/messages", body);
  expect(upstream.received.at(-1)?.body).toBe(body.replace('"um\\u002fm"', '"m"'));
});

test.each([
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
] as const)(
  "a body in %s is unpacked before it goes on, in either lane",
  async (encoding, pack) => {
    for (const provider of ["um", "uc"] as const) {
      script = () => Response.json({ id: "msg_1", type: "message", content: [] });
      const said = { max_tokens: 50, messages: [{ role: "user", content: "packed hello" }] };
      const text = JSON.stringify({ model: `${provider}/m`, ...said });
      const headers = { "content-encoding": encoding };
      await gateway.post("/v1/messages", "", { body: pack(Buffer.from(text)), headers });
      const seen = upstream.received.at(-1);
      expect(seen?.headers["content-encoding"]).toBeUndefined();
      expect(seen?.body).toContain("packed hello");
      if (provider === "um") expect(seen?.body).toBe(text.replace("um/m", "m"));
    }
  },
);

test("health needs no key and says no more than it must", async () => {
  const response = await fetch(`${gateway.url}/healthz`);
  expect(Object.keys((await response.json()) as object)).toEqual(["ok", "version"]);
});
