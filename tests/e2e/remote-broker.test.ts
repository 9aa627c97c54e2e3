// A gateway and its broker as two programs: the gateway starts while the broker is down, serves with what it
// knew, and uses what the broker has once it is back.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { environment } from "#platform";

const launcher = join(dirname(dirname(import.meta.dir)), "bin", "agent.mjs");
const KEY_1 = "sk-ant-canary-first-0123456789";
const KEY_2 = "sk-ant-canary-second-0123456789";

let scratch: string;
let upstream: Bun.Server<undefined>;
let keysSeen: (string | null)[];
const running: Program[] = [];

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "parley-remote-broker-"));
  keysSeen = [];
  upstream = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      keysSeen.push(request.headers.get("x-api-key"));
      const usage = { input_tokens: 1, output_tokens: 1 };
      const content = [{ type: "text", text: "hello" }];
      const message = { id: "msg_1", type: "message", role: "assistant", model: "m", content };
      return Response.json({ ...message, stop_reason: "end_turn", stop_sequence: null, usage });
    },
  });
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.stop()));
  await upstream.stop(true);
  rmSync(scratch, { recursive: true });
});

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** One process, ready, with what it has logged so far. */
class Program {
  readonly #child: Child;
  readonly ready: Record<string, { url: string; key?: string }>;
  log = "";

  private constructor(child: Child, ready: Program["ready"]) {
    this.#child = child;
    this.ready = ready;
    void this.#collect();
    running.push(this);
  }

  static async start(args: readonly string[], env: Record<string, string>): Promise<Program> {
    const { PATH = "" } = environment();
    const child = Bun.spawn(["node", launcher, ...args, "--json"], {
      cwd: scratch,
      env: { PATH, HOME: scratch, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    let text = "";
    for await (const chunk of child.stdout) {
      text += new TextDecoder().decode(chunk);
      if (text.includes("\n")) return new Program(child, JSON.parse(text));
    }
    throw new Error(`ended before it was ready: ${await child.stderr.text()}`);
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exited;
  }

  /** Lets the server behind the launcher crash where it stands. */
  async crash(): Promise<void> {
    const { pid } = this.#child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
    for (const child of children.split(" ")) process.kill(Number(child), "SIGSEGV");
    await this.#child.exited;
  }

  async #collect(): Promise<void> {
    for await (const chunk of this.#child.stderr) this.log += new TextDecoder().decode(chunk);
  }
}

function startBroker(bind: string, env: Record<string, string> = {}): Promise<Program> {
  return Program.start(["auth-broker", "serve", "--broker-bind", bind], {
    PARLEY_HOME: join(scratch, "broker-home"),
    ...env,
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function startGateway(brokerUrl: string, env: Record<string, string> = {}): Promise<Program> {
  return Program.start(["auth-gateway", "serve", "--bind", "127.0.0.1:0"], {
    PARLEY_HOME: join(scratch, "gateway-home"),
    PARLEY_AUTH_BROKER_URL: brokerUrl,
    PARLEY_AUTH_BROKER_TOKEN: brokerToken(),
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${upstream.port}`,
    ...env,
  });
}

function brokerToken(): string {
  return readFileSync(join(scratch, "broker-home", "auth-broker.token"), "utf8").trim();
}

async function store(
  brokerUrl: string,
  credential: Record<string, string | number>,
): Promise<void> {
  const response = await fetch(`${brokerUrl}/v1/credential`, {
    method: "POST",
    headers: { authorization: `Bearer ${brokerToken()}`, "content-type": "application/json" },
    body: JSON.stringify({ provider: "anthropic", credential }),
  });
  expect(response.status).toBe(200);
}

const apiKey = (key: string) => ({ type: "api_key", key });

async function ask(
  { ready }: Program,
  content = "hello",
  headers: Record<string, string> = {},
): Promise<number> {
  const messages = [{ role: "user", content }];
  const response = await fetch(`${ready["gateway"]?.url}/v1/messages`, {
    method: "POST",
    keepalive: headers["connection"] !== "close",
    headers: {
      "x-api-key": ready["gateway"]?.key ?? "",
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify({ model: "anthropic/claude-sonnet-4-5", max_tokens: 9, messages }),
  });
  await response.text();
  return response.status;
}

test("a gateway boots from its cache with the broker down, and reconciles when it returns", async () => {
  mkdirSync(join(scratch, "broker-home"), { mode: 0o700 });
  const broker = await startBroker("127.0.0.1:0");
  const brokerUrl = broker.ready["broker"]?.url ?? "";
  await store(brokerUrl, apiKey(KEY_1));
  const whole = { PARLEY_AUTH_BROKER_LEASE: "false" };
  const first = await startGateway(brokerUrl, whole);
  expect(await ask(first)).toBe(200);
  await first.stop();
  await broker.stop();

  const second = await startGateway(brokerUrl, whole);
  expect(await ask(second)).toBe(200);
  expect(keysSeen).toEqual([KEY_1, KEY_1]);
  const deadlineMs = performance.now() + 10_000;
  while (!second.log.includes("serving what was last known")) {
    expect(performance.now()).toBeLessThan(deadlineMs);
    await Bun.sleep(10);
  }
  expect(second.log).toContain("starting with the cached snapshot");

  const back = await startBroker(new URL(brokerUrl).host);
  await store(brokerUrl, apiKey(KEY_2));
  while (keysSeen.at(-1) !== KEY_2) {
    expect(performance.now()).toBeLessThan(deadlineMs + 30_000);
    // A conversation of its own each time: one that has begun stays on its account.
    expect(await ask(second, `hello ${performance.now()}`)).toBe(200);
    await Bun.sleep(50);
  }
  await Promise.all([second.stop(), back.stop()]);
  expect(first.log + second.log).not.toContain("canary");
  const cache = join(scratch, "gateway-home", "cache");
  expect(readdirSync(cache)).toEqual(["auth-broker-snapshot.enc"]);
  expect(readFileSync(join(cache, "auth-broker-snapshot.enc")).includes("canary")).toBe(false);
  expect(existsSync(join(scratch, "gateway-home", "vault.db"))).toBe(false);
}, 60_000);

// Elsewhere there is no /proc to find the server behind its launcher.
test.skipIf(process.platform !== "linux")(
  "no file, no log and no core of a broker that crashed, or of its client, shows a secret",
  async () => {
    mkdirSync(join(scratch, "broker-home"), { mode: 0o700 });
    const broker = await startBroker("127.0.0.1:0", { PARLEY_LOG_LEVEL: "debug" });
    const brokerUrl = broker.ready["broker"]?.url ?? "";
    await store(brokerUrl, apiKey(KEY_1));
    const tokens = { refresh: "canary-refresh-0123456789", access: "canary-access-0123456789" };
    await store(brokerUrl, { type: "oauth", ...tokens, expires: Date.now() + 3_600_000 });
    const gateway = await startGateway(brokerUrl, {
      PARLEY_AUTH_BROKER_LEASE: "false",
      PARLEY_LOG_LEVEL: "debug",
    });
    expect(await ask(gateway)).toBe(200);
    await broker.crash();
    await gateway.crash();
    const files = filesBelow(scratch);
    expect(files.map((path) => basename(path))).toEqual(
      expect.arrayContaining(["vault.db-wal", "audit.db-wal", "auth-broker-snapshot.enc"]),
    );
    expect(files.filter((path) => /^core(?:\.|$)/.test(basename(path)))).toEqual([]);
    expect(files.filter((path) => readFileSync(path).includes("canary-"))).toEqual([]);
    expect(broker.log + gateway.log).not.toContain("canary-");
    expect(broker.log + gateway.log).toContain('"level":"debug"');
  },
  60_000,
);

test("a gateway leases its keys by default, and tells what it used", async () => {
  mkdirSync(join(scratch, "broker-home"), { mode: 0o700 });
  const broker = await startBroker("127.0.0.1:0");
  const brokerUrl = broker.ready["broker"]?.url ?? "";
  await store(brokerUrl, apiKey(KEY_1));
  const gateway = await startGateway(brokerUrl);
  expect(await ask(gateway)).toBe(200);
  expect(keysSeen).toEqual([KEY_1]);
  await gateway.stop();
  const cache = join(scratch, "gateway-home", "cache", "auth-broker-snapshot.enc");
  expect(existsSync(cache)).toBe(true);
  const clients = await fetch(`${brokerUrl}/v1/usage/clients`, {
    headers: { authorization: `Bearer ${brokerToken()}` },
  });
  expect(await clients.json()).toMatchObject({
    clients: [{ providers: [{ provider: "anthropic", requests: 1, inputTokens: 1 }] }],
  });
  expect(gateway.log).not.toContain("canary");
}, 60_000);

test.skipIf(process.platform !== "linux")(
  "a gateway of several workers leases each key once, and is one client to its broker",
  async () => {
    mkdirSync(join(scratch, "broker-home"), { mode: 0o700 });
    const broker = await startBroker("127.0.0.1:0");
    const brokerUrl = broker.ready["broker"]?.url ?? "";
    await store(brokerUrl, apiKey(KEY_1));
    const gateway = await startGateway(brokerUrl, { PARLEY_GATEWAY_WORKERS: "3" });
    for (let count = 0; count < 12; count += 1) {
      expect(await ask(gateway, `hello ${count}`, { connection: "close" })).toBe(200);
    }
    expect(new Set(keysSeen)).toEqual(new Set([KEY_1]));
    await gateway.stop();
    const clients = await fetch(`${brokerUrl}/v1/usage/clients`, {
      headers: { authorization: `Bearer ${brokerToken()}` },
    });
    expect(await clients.json()).toMatchObject({
      clients: [{ providers: [{ provider: "anthropic", requests: 12, inputTokens: 12 }] }],
    });
    await broker.stop();
    const audit = Bun.spawn(["node", launcher, "auth-broker", "audit", "--json"], {
      env: { ...pathOnly(), PARLEY_HOME: join(scratch, "broker-home") },
      stdout: "pipe",
    });
    const leased = (await audit.stdout.text()).match(/"credential\.lease"/g);
    expect(leased).toHaveLength(1);
    expect(gateway.log).toMatch(/"worker":[123]/);
    expect(gateway.log).not.toContain("canary");
  },
  60_000,
);

function pathOnly(): Record<string, string> {
  const { PATH = "" } = environment();
  return { PATH, HOME: scratch };
}
