// Responses over WebSocket against a live gateway: what Codex does, what a hostile or careless client does.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { eventStream, startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

interface Frame {
  readonly type: string;
  readonly status?: number;
  readonly error?: { readonly code?: string; readonly message?: string };
  readonly response?: {
    readonly id: string;
    readonly status: string;
    readonly previous_response_id: string | null;
    readonly output: readonly { readonly content?: readonly { readonly text?: string }[] }[];
  };
}

let gateway: GatewayUnderTest;
let script: Script = () => Response.json({}, { status: 500 });
const upstream = startScriptedUpstream((request) => script(request));
const clients: Client[] = [];

beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: {
      gateway: { maxBodyBytes: 64 * 1024 },
      providers: {
        lab: { api: "responses", baseUrl: `${upstream.url}/v1` },
        labchat: { api: "chat", baseUrl: `${upstream.url}/v1` },
      },
    },
  });
});

afterEach(() => {
  for (const client of clients.splice(0)) client.socket.close();
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

/** A socket, its frames in order, and its end. */
class Client {
  readonly socket: WebSocket;
  readonly #frames: Frame[] = [];
  #arrived = Promise.withResolvers<void>();
  readonly closed = Promise.withResolvers<CloseEvent>();

  constructor(headers: Record<string, string> = { authorization: `Bearer ${gateway.token}` }) {
    const url = `${gateway.url.replace("http", "ws")}/v1/responses`;
    this.socket = new WebSocket(url, { headers } as never);
    this.socket.addEventListener("message", ({ data }) => {
      this.#frames.push(JSON.parse(String(data)) as Frame);
      this.#arrived.resolve();
    });
    this.socket.addEventListener("close", (event) => this.closed.resolve(event));
    clients.push(this);
  }

  static async open(headers?: Record<string, string>): Promise<Client> {
    const client = new Client(headers);
    const isOpen = Promise.withResolvers<void>();
    client.socket.addEventListener("open", () => isOpen.resolve());
    client.socket.addEventListener("error", () => isOpen.reject(new Error("not opened")));
    await isOpen.promise;
    return client;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame) return frame;
      this.#arrived = Promise.withResolvers<void>();
      await this.#arrived.promise;
    }
  }

  /** The frames of one turn, its end included. */
  async turn(message: object): Promise<{ readonly frames: Frame[]; readonly last: Frame }> {
    this.send({ type: "response.create", ...message });
    return this.read();
  }

  async read(): Promise<{ readonly frames: Frame[]; readonly last: Frame }> {
    const frames: Frame[] = [];
    for (;;) {
      const last = await this.next();
      frames.push(last);
      if (/^(error|response\.(completed|incomplete|failed))$/.test(last.type))
        return { frames, last };
    }
  }
}

const said = ({ response }: Frame) => response?.output.at(-1)?.content?.[0]?.text;

describe("a turn", () => {
  test("is answered as one JSON frame for each event, on every lane", async () => {
    for (const model of ["sim/echo", "sim-chat/echo", "sim-messages/echo"]) {
      const client = await Client.open();
      const { frames, last } = await client.turn({ model, store: false, input: "Ünïcödé 漢字 😀" });
      expect(frames[0]?.type).toBe("response.created");
      expect(frames.some(({ type }) => type === "response.output_text.delta")).toBe(true);
      expect([last.type, said(last)]).toEqual(["response.completed", "Ünïcödé 漢字 😀"]);
      expect(last.response?.previous_response_id).toBeNull();
    }
  });

  test("that was answered is settled as completed, also when its client leaves at once", async () => {
    const models = ["sim/long", "sim-chat/long", "sim-messages/long", "sim-generate/long"];
    const before = gateway.logged().length;
    const outcomes = () => [
      ...gateway
        .logged()
        .slice(before)
        .matchAll(/"outcome":"(\w+)"/g),
    ];
    for (const model of models) {
      const client = await Client.open();
      await client.turn({ model, store: false, input: "one" });
      await client.turn({ model, store: false, input: "two" });
      client.socket.close();
    }
    while (outcomes().length < 2 * models.length) await Bun.sleep(1);
    expect(outcomes().map(([, outcome]) => outcome)).toEqual(
      Array.from({ length: 2 * models.length }, () => "completed"),
    );
  });

  test("follows the one before it, in order, on one socket", async () => {
    const client = await Client.open();
    for (const input of ["first", "second", "third"]) {
      client.send({ type: "response.create", model: "sim/echo", input });
    }
    const answers = [await client.read(), await client.read(), await client.read()];
    expect(answers.map(({ last }) => said(last))).toEqual(["first", "second", "third"]);
  });

  test("goes on from an earlier one: the upstream gets the whole history", async () => {
    script = () =>
      eventStream([
        `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"OK"},"finish_reason":"stop"}]}\n\n`,
        "data: [DONE]\n\n",
      ]);
    const client = await Client.open();
    const model = "labchat/m";
    const first = await client.turn({ model, store: false, input: "The word is cobalt." });
    const previous_response_id = first.last.response?.id;
    const second = await client.turn({
      model,
      store: false,
      previous_response_id,
      input: "Which?",
    });
    expect(second.last.response?.previous_response_id).toBe(previous_response_id ?? "");
    const { messages } = JSON.parse(upstream.received.at(-1)?.body ?? "{}") as {
      messages: { role: string; content: unknown }[];
    };
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(JSON.stringify(messages)).toContain("cobalt");
  });

  test("with generate: false readies a conversation and asks nobody", async () => {
    const client = await Client.open();
    const before = upstream.received.length;
    const warm = await client.turn({ model: "lab/m", generate: false, input: "Prepare." });
    expect(warm.last.response).toMatchObject({ status: "completed", output: [] });
    expect(upstream.received).toHaveLength(before);
    const previous_response_id = warm.last.response?.id;
    const { last } = await client.turn({ model: "sim/echo", previous_response_id, input: "Go." });
    expect(said(last)).toBe("Go.");
  });
});

describe("a failed turn", () => {
  test("is one error frame with status and code, and the socket goes on", async () => {
    const client = await Client.open();
    const cases: readonly (readonly [object | string, number, string])[] = [
      ["{", 400, "invalid_json"],
      [{ type: "response.cancel" }, 400, "invalid_value"],
      [{ type: "response.create", model: "nobody/x", input: "x" }, 400, "model_not_found"],
      [
        { type: "response.create", model: "sim/rate-limited", input: "x" },
        429,
        "rate_limit_exceeded",
      ],
      [
        { type: "response.create", model: "sim/echo", previous_response_id: "resp_no", input: "x" },
        400,
        "previous_response_not_found",
      ],
    ];
    for (const [message, status, code] of cases) {
      client.send(message);
      const { last } = await client.read();
      expect(last).toMatchObject({ type: "error", status, error: { code } });
    }
    const { last } = await client.turn({ model: "sim/echo", input: "still here" });
    expect(said(last)).toBe("still here");
  });

  test("forgets the response that it went on from", async () => {
    const client = await Client.open();
    const model = "sim-chat/echo";
    const first = await client.turn({ model, store: false, input: "ember" });
    const previous_response_id = first.last.response?.id;
    const output = { type: "function_call_output", call_id: "call_missing", output: "x" };
    const failed = await client.turn({ model, previous_response_id, input: [output] });
    expect(failed.last.type).toBe("error");
    const stale = await client.turn({ model, previous_response_id, input: "again" });
    expect(stale.last.error?.code).toBe("previous_response_not_found");
  });

  test("in the middle of its answer ends with one frame that says so", async () => {
    const client = await Client.open();
    for (const model of ["sim/error-midstream", "sim/reset", "sim-chat/reset"]) {
      const { last } = await client.turn({ model, input: "a longer text to be cut in two" });
      expect(last.type).toMatch(/^(error|response\.failed)$/);
      const { last: next } = await client.turn({ model: "sim/echo", input: model });
      expect(said(next)).toBe(model);
    }
  });
});

describe("another socket", () => {
  test("does not know the responses of this one", async () => {
    const [one, two] = [await Client.open(), await Client.open()];
    const first = await one.turn({ model: "sim/echo", store: false, input: "mine" });
    const previous_response_id = first.last.response?.id;
    const { last } = await two.turn({ model: "sim/echo", previous_response_id, input: "yours?" });
    expect(last.error?.code).toBe("previous_response_not_found");
  });
});

describe("the handshake", () => {
  const upgrade = {
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const knock = (headers: Record<string, string>, { url } = gateway) =>
    fetch(`${url}/v1/responses`, { headers: { ...upgrade, ...headers } });

  test("without the key, or with a page's Origin, opens nothing", async () => {
    const authorization = `Bearer ${gateway.token}`;
    expect((await knock({})).status).toBe(401);
    expect((await knock({ authorization: "Bearer wrong" })).status).toBe(401);
    expect((await knock({ authorization, origin: "https://evil.example" })).status).toBe(403);
    expect((await knock({ authorization, host: "evil.example" })).status).toBe(403);
  });

  test("takes the key in x-api-key too", async () => {
    const client = await Client.open({ "x-api-key": gateway.token });
    expect(said((await client.turn({ model: "sim/echo", input: "hi" })).last)).toBe("hi");
  });

  test("that is none is told to upgrade, or to POST", async () => {
    const authorization = `Bearer ${gateway.token}`;
    const response = await fetch(`${gateway.url}/v1/responses`, { headers: { authorization } });
    expect([response.status, response.headers.get("upgrade")]).toEqual([426, "websocket"]);
  });

  test("where sockets are off is answered with 426 and where to go instead", async () => {
    const off = await startGatewayUnderTest({ config: { gateway: { websocket: false } } });
    try {
      const response = await knock({ authorization: `Bearer ${off.token}` }, off);
      expect([response.status, response.headers.get("upgrade")]).toEqual([426, "HTTP/1.1"]);
      expect(await response.json()).toMatchObject({ error: { code: "websocket_off" } });
    } finally {
      await off.stop();
    }
  });
});

describe("a client", () => {
  test("that leaves ends the upstream's work", async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    script = ({ signal }) => {
      asked.resolve(signal);
      return eventStream([`data: {"type":"response.created"}\n\n`], {
        hold: new Promise((resolve) => signal.addEventListener("abort", resolve)),
      });
    };
    const client = await Client.open();
    client.send({ type: "response.create", model: "lab/m", input: "x" });
    const signal = await asked.promise;
    await client.next();
    const isGone = new Promise((resolve) => signal.addEventListener("abort", resolve));
    client.socket.close();
    await isGone;
    expect(signal.aborted).toBe(true);
  });

  test("that sends too much at once, or binary, is shown out", async () => {
    const large = await Client.open();
    large.send("x".repeat(70 * 1024));
    await large.closed.promise;
    const binary = await Client.open();
    binary.socket.send(new Uint8Array([1]));
    expect((await binary.closed.promise).code).toBe(1003);
  });

  test("that floods turns is shown out", async () => {
    const client = await Client.open();
    for (let turn = 0; turn < 20; turn += 1) {
      client.send({ type: "response.create", model: "sim/hang", input: "x" });
    }
    expect((await client.closed.promise).code).toBe(1008);
  });
});

test("a gateway that stops lets a socket finish, then closes it", async () => {
  const stopping = await startGatewayUnderTest();
  const url = `${stopping.url.replace("http", "ws")}/v1/responses`;
  const headers = { authorization: `Bearer ${stopping.token}` };
  const socket = new WebSocket(url, { headers } as never);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve));
  await stopping.stop();
  expect((await closed).code).toBe(1001);
});
