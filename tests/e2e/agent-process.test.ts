// The program as a person meets it: started through the plain-Node launcher in an empty home, spoken to over
// HTTP, stopped with Ctrl-C, and wrong in every common way.

import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { environment } from "#platform";
import { messageReply } from "./message-reply.ts";

const root = dirname(dirname(import.meta.dir));
const launcher = join(root, "bin", "agent.mjs");
const scratch = mkdtempSync(join(tmpdir(), "parley-process-"));

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let homes = 0;

/** A home directory nobody has used. */
function emptyHome(): string {
  homes += 1;
  const home = join(scratch, `home ${homes}`);
  mkdirSync(home);
  return home;
}

function launch(
  args: readonly string[],
  { home, cwd = scratch, env = {} }: { home: string; cwd?: string; env?: Record<string, string> },
) {
  const { PATH = "" } = environment();
  return Bun.spawn(["node", launcher, ...args], {
    cwd,
    env: { PATH, HOME: home, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function run(args: readonly string[], options: Parameters<typeof launch>[1]) {
  const child = launch(args, options);
  const [out, err, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { out, err, code };
}

async function startUp(
  home: string,
  more: readonly string[] = [],
  env: Record<string, string> = {},
) {
  const args = [
    "up",
    "--json",
    "--gateway-bind",
    "127.0.0.1:0",
    "--broker-bind",
    "127.0.0.1:0",
    ...more,
  ];
  const child = launch(args, { home, env });
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`ended before it was ready: ${await child.stderr.text()}`);
    text += new TextDecoder().decode(value);
  }
  const ready = JSON.parse(text) as {
    gateway: { url: string; key: string };
    broker: { url: string };
  };
  return { child, ready };
}

describe("agent up", () => {
  test("shows in `agent usage` what its gateway met, and in the log of clients what it used", async () => {
    const headers = {
      "anthropic-ratelimit-requests-limit": "50",
      "anthropic-ratelimit-requests-remaining": "10",
    };
    const message = messageReply({ input_tokens: 11, output_tokens: 5 });
    await using upstream = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => Response.json(message, { headers }),
    });
    const home = emptyHome();
    const env = { ANTHROPIC_BASE_URL: `http://127.0.0.1:${upstream.port}` };
    const { child, ready } = await startUp(home, [], env);
    const token = (await run(["auth-broker", "token"], { home })).out.trim();
    const bearer = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const credential = { type: "api_key", key: "sk-ant-canary-0123456789" };
    await fetch(`${ready.broker.url}/v1/credential`, {
      method: "POST",
      headers: bearer,
      body: JSON.stringify({ provider: "anthropic", credential }),
    });
    const answer = await fetch(`${ready.gateway.url}/v1/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${ready.gateway.key}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: "anthropic/claude-sonnet-4-5",
        max_tokens: 9,
        messages: [{ role: "user", content: "hello" }],
      }),
    });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("hello")]);

    const usage = await run(["usage"], { home });
    expect([usage.code, usage.err]).toEqual([0, ""]);
    expect(usage.out).toMatch(/^anthropic\n {2}API key \d+\n {4}Requests .* 80 % {2}40 of 50\n$/);

    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    // What was left to tell was told before the broker closed; the next one knows it.
    const next = await startUp(home);
    const clients = await fetch(`${next.ready.broker.url}/v1/usage/clients`, { headers: bearer });
    expect(await clients.json()).toMatchObject({
      clients: [
        {
          providers: [
            { app: "parley-gateway", provider: "anthropic", requests: 1, inputTokens: 11 },
          ],
        },
      ],
    });
    next.child.kill("SIGINT");
    expect(await next.child.exited).toBe(0);
  }, 30_000);

  test("gets ready in an empty home, answers, and leaves nothing behind on Ctrl-C", async () => {
    const home = emptyHome();
    const { child, ready } = await startUp(home);
    const response = await fetch(`${ready.gateway.url}/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${ready.gateway.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "sim/echo", input: "hello" }),
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("hello");
    expect(
      ((await (await fetch(`${ready.broker.url}/v1/healthz`)).json()) as { ok: boolean }).ok,
    ).toBe(true);

    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    await expect(fetch(ready.gateway.url)).rejects.toThrow();
    const log = await child.stderr.text();
    expect(log).toContain("stopping");
    expect(log).not.toContain(ready.gateway.key);
  });

  test("keeps its files private", async () => {
    const home = emptyHome();
    const { child } = await startUp(home);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    const folder = join(home, ".parley");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const files = readdirSync(folder);
    expect(files).toContain("vault.key");
    expect(files).toContain("auth-broker.token");
    expect(files).toContain("auth-gateway.token");
    for (const file of files) expect(statSync(join(folder, file)).mode & 0o077).toBe(0);
  });

  test("uses a key of the environment without storing or showing it", async () => {
    const home = emptyHome();
    const key = "sk-ant-canary-abcdefghijklmnop";
    const { child, ready } = await startUp(home, [], {
      ANTHROPIC_API_KEY: key,
      PARLEY_LOG_LEVEL: "debug",
    });
    const models = await fetch(`${ready.gateway.url}/v1/models`, {
      headers: { "x-api-key": ready.gateway.key },
    });
    expect(await models.text()).toContain("anthropic/claude-");
    child.kill("SIGINT");
    await child.exited;
    const log = await child.stderr.text();
    expect(log).toContain("ANTHROPIC_API_KEY");
    expect(log).not.toContain(key);
    const folder = join(home, ".parley");
    for (const file of readdirSync(folder)) {
      expect(readFileSync(join(folder, file)).includes(key)).toBe(false);
    }
  });

  test("says which port is busy and what to do, and stops the half that had started", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => blocker.once("listening", resolve));
    const address = blocker.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const { code, err } = await run(
      ["up", "--gateway-bind", `127.0.0.1:${port}`, "--broker-bind", "127.0.0.1:0"],
      { home: emptyHome() },
    );
    blocker.close();
    expect(code).toBe(1);
    expect(err).toContain(`127.0.0.1:${port}`);
    expect(err).not.toContain("    at ");
  });

  test("sends no key to itself when ANTHROPIC_BASE_URL still points at the gateway", async () => {
    const home = emptyHome();
    const port = await freePort();
    const args = ["--gateway-bind", `127.0.0.1:${port}`];
    const env = {
      ANTHROPIC_BASE_URL: `http://localhost:${port}`,
      ANTHROPIC_API_KEY: "sk-ant-self-0123456789",
    };
    const { child } = await startUp(home, args, env);
    child.kill("SIGINT");
    await child.exited;
    expect(await child.stderr.text()).toContain("ANTHROPIC_BASE_URL points at this gateway");
  });
});

async function freePort(): Promise<number> {
  const probe = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const port = probe.port ?? 0;
  await probe.stop(true);
  return port;
}

describe("help", () => {
  test("names every command, the exit codes and where files live", async () => {
    const { out, code } = await run(["--help"], { home: emptyHome() });
    expect(code).toBe(0);
    for (const word of [
      "up",
      "auth-broker",
      "auth-gateway",
      "config",
      "doctor",
      "Exit codes",
      "PARLEY_HOME",
    ]) {
      expect(out).toContain(word);
    }
  });

  test("makes no files", async () => {
    const home = emptyHome();
    await run(["--help"], { home });
    expect(existsSync(join(home, ".parley"))).toBe(false);
  });

  test("suggests the near command and option, with exit code 2", async () => {
    const command = await run(["upp"], { home: emptyHome() });
    expect([command.code, command.err.includes("Did you mean up?")]).toEqual([2, true]);
    const option = await run(["up", "--gateway-bnd", "x"], { home: emptyHome() });
    expect([option.code, option.err.includes("--gateway-bind")]).toEqual([2, true]);
  });
});

describe("a wrong configuration", () => {
  function withConfig(text: string): string {
    const home = emptyHome();
    mkdirSync(join(home, ".parley"), { mode: 0o700 });
    writeFileSync(join(home, ".parley", "config.yml"), text);
    return home;
  }

  test("is refused with file, line and the nearest key, all mistakes at once", async () => {
    const home = withConfig("gateway:\n  bnid: 127.0.0.1:1\n  maxInFlight: many\n");
    const { code, err } = await run(["up"], { home });
    expect(code).toBe(3);
    expect(err).toContain("config.yml:2");
    expect(err).toContain("gateway.bind");
    expect(err).toContain("config.yml:3");
    expect(err).not.toContain("    at ");
  });

  test("of a provider says what is missing, without showing its key", async () => {
    const home = withConfig(
      "providers:\n  lab: { baseUrl: http://127.0.0.1:1, apiKey: sk-canary-0123456789 }\n",
    );
    const { code, err, out } = await run(
      ["up", "--gateway-bind", "127.0.0.1:0", "--broker-bind", "127.0.0.1:0"],
      { home },
    );
    expect(code).not.toBe(0);
    expect(err).toContain("providers.lab: api missing");
    expect(err + out).not.toContain("sk-canary");
  });

  test("of a checkout cannot send credentials elsewhere", async () => {
    const project = join(scratch, "checkout");
    mkdirSync(join(project, ".parley"), { recursive: true });
    writeFileSync(
      join(project, ".parley", "config.yml"),
      "providers:\n  anthropic: { baseUrl: http://evil.example }\n",
    );
    const { code, err } = await run(["up"], { home: emptyHome(), cwd: project });
    expect(code).toBe(3);
    expect(err).toContain("providers");
  });
});

describe("doctor and listings", () => {
  test("are healthy in an empty home, and say so as JSON too", async () => {
    const home = emptyHome();
    const { code, out } = await run(["doctor", "--json"], {
      home,
      env: { PARLEY_GATEWAY_BIND: "127.0.0.1:0", PARLEY_BROKER_BIND: "127.0.0.1:0" },
    });
    expect(code).toBe(0);
    const { checks } = JSON.parse(out) as { checks: { name: string; status: string }[] };
    expect(checks.every(({ status }) => status !== "failed")).toBe(true);
    expect(checks.map(({ name }) => name)).toContain("vault");
  });

  test("show what is stored and offered, as JSON without secrets", async () => {
    const key = "sk-canary-0123456789abcdef";
    const { code, out } = await run(["auth-broker", "list", "--json"], {
      home: emptyHome(),
      env: { OPENAI_API_KEY: key },
    });
    expect(code).toBe(0);
    expect(JSON.stringify(JSON.parse(out))).toContain("OPENAI_API_KEY");
    expect(out).not.toContain(key);
  });

  test("a server that does not run is exit code 4 with a hint", async () => {
    const env = { PARLEY_GATEWAY_BIND: "127.0.0.1:1", PARLEY_BROKER_BIND: "127.0.0.1:1" };
    for (const part of ["auth-gateway", "auth-broker"]) {
      const { code, err } = await run([part, "status"], { home: emptyHome(), env });
      expect(code).toBe(4);
      expect(err).toContain("serve");
    }
  });
});
