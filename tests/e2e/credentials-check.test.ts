// Whether credentials are accepted: asked of a live gateway, whose providers are scripted, and by the command.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { HeldCredential } from "#broker/client";
import { AgentHome } from "../oauth/agent-command.ts";
import { startScriptedUpstream, type Script } from "../scripted-upstream.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const held: readonly HeldCredential[] = [
  { id: 7, credential: { type: "api_key", key: "sk-good-key" } },
  { id: 8, credential: { type: "api_key", key: "sk-dead-key" } },
];

let gateway: GatewayUnderTest;
let script: Script;
const upstream = startScriptedUpstream((request) => script(request));

/** Knows the key in either vendor's header. */
const isGood = (headers: Readonly<Record<string, string>>) =>
  [headers["authorization"], headers["x-api-key"]].some((shown) => shown?.endsWith("good-key"));

beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    config: {
      providers: {
        openai: { baseUrl: `${upstream.url}/v1` },
        anthropic: { baseUrl: upstream.url, apiKey: "sk-ant-good-key" },
      },
    },
    credentials: {
      entries: (provider) => (provider === "openai" ? held : []),
      fresh: () => Promise.reject(new Error("no login here")),
    },
  });
});

beforeEach(() => {
  script = ({ headers }) =>
    isGood(headers)
      ? Response.json({ object: "list", data: [] })
      : Response.json({ error: { message: "Incorrect API key: sk-dead-key" } }, { status: 401 });
});

afterAll(async () => {
  await gateway.stop();
  await upstream[Symbol.asyncDispose]();
});

interface Checked {
  readonly generatedAt: number;
  readonly credentials: readonly { provider: string; id: number | null; ok: boolean | null }[];
}

async function check(query = ""): Promise<Checked> {
  const response = await fetch(`${gateway.url}/v1/credentials/check${query}`, {
    headers: { authorization: `Bearer ${gateway.token}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Checked;
}

const verdicts = ({ credentials }: Checked) =>
  Object.fromEntries(credentials.map(({ provider, id, ok }) => [`${provider} ${id}`, ok]));

describe("a check", () => {
  test("asks for the models with each credential, and spends nothing", async () => {
    const before = upstream.received.length;
    const checked = await check();
    expect(verdicts(checked)).toEqual({
      "anthropic null": true,
      "openai 7": true,
      "openai 8": false,
    });
    const asked = upstream.received.slice(before).map(({ method, path }) => `${method} ${path}`);
    expect(asked).toEqual(["GET /v1/models", "GET /v1/models", "GET /v1/models"]);
  });

  test("shows no key and no host", async () => {
    const text = JSON.stringify([await check(), await check("?strict=true")]);
    for (const secret of ["good-key", "dead-key", upstream.url]) expect(text).not.toContain(secret);
  });

  test("that proves nothing says that it does not know", async () => {
    for (const status of [404, 429, 503]) {
      script = () => new Response("{}", { status });
      expect(verdicts(await check())).toEqual({
        "anthropic null": null,
        "openai 7": null,
        "openai 8": null,
      });
    }
  });

  test("that is strict has each say one word", async () => {
    script = ({ headers, path }) => {
      if (!isGood(headers)) return Response.json({ error: { message: "no" } }, { status: 401 });
      const message = { type: "message", role: "assistant", id: "m", model: "m" };
      const usage = { input_tokens: 3, output_tokens: 1 };
      const content = [{ type: "text", text: "OK" }];
      const output = [
        { ...message, content: [{ type: "output_text", text: "OK", annotations: [] }] },
      ];
      return path === "/v1/messages"
        ? Response.json({ ...message, content, stop_reason: "end_turn", usage })
        : Response.json({ id: "r", object: "response", status: "completed", output, usage });
    };
    const before = upstream.received.length;
    expect(verdicts(await check("?strict=true"))).toEqual({
      "anthropic null": true,
      "openai 7": true,
      "openai 8": false,
    });
    const asked = upstream.received.slice(before).map(({ path }) => path);
    expect(asked.toSorted()).toEqual(["/v1/messages", "/v1/responses", "/v1/responses"]);
  });

  test("wants the gateway's key and a sound query", async () => {
    const url = `${gateway.url}/v1/credentials/check`;
    expect((await fetch(url)).status).toBe(401);
    const headers = { authorization: `Bearer ${gateway.token}` };
    expect((await fetch(`${url}?strict=maybe`, { headers })).status).toBe(400);
  });
});

describe("agent auth-gateway check", () => {
  const run = async (...args: readonly string[]) => {
    using home = new AgentHome({ gateway: { bind: `127.0.0.1:${gateway.port}` } });
    writeFileSync(join(home.path, "auth-gateway.token"), `${gateway.token}\n`, { mode: 0o600 });
    const agent = home.run(["auth-gateway", "check", ...args]);
    const code = await agent.exited;
    return { code, output: agent.output() };
  };

  test("lists each credential, and exits with 1 when one fails", async () => {
    const { code, output } = await run();
    expect(code).toBe(1);
    expect(output).toContain("ok      openai api_key #7");
    expect(output).toContain("failed  openai api_key #8");
    expect(output).not.toContain("dead-key");
  });

  test("exits with 0 when none fails, and prints JSON on request", async () => {
    script = () => Response.json({ data: [] });
    const { code, output } = await run("--json");
    expect(code).toBe(0);
    expect((JSON.parse(output) as Checked).credentials).toHaveLength(3);
  });
});
