// The commands as a person or a script runs them: output, exit codes, and no secret on the screen.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { brokerKeys, startBroker } from "#broker";
import { createLogger, type Environment, environment, loadConfig } from "#platform";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_CODES } from "../cli-error.ts";
import { runAuthBroker } from "./auth-broker-under-test.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-cli-broker-"));
});

afterEach(() => rmSync(home, { recursive: true }));

/** Runs `auth-broker …` in this process. */
const run = (args: readonly string[], { env = {} }: { env?: Environment } = {}) =>
  runAuthBroker(args, { PARLEY_HOME: home, ...env });

describe("token", () => {
  test("is made once and printed alone, for $(…)", async () => {
    const { stdout } = await run(["token"]);
    expect(stdout).toMatch(/^plb_[\w-]{43}\n$/);
    expect((await run(["token"])).stdout).toBe(stdout);
    const json = JSON.parse((await run(["token", "--json"])).stdout);
    expect(json).toEqual({ token: stdout.trim(), path: join(home, "auth-broker.token") });
  });

  test("is replaced on request, with a word about brokers that are running", async () => {
    const { stdout: before } = await run(["token"]);
    const { stdout: after, stderr } = await run(["token", "--regenerate"]);
    expect(after).not.toBe(before);
    expect(stderr).toContain("restarted");
    expect((await run(["token"])).stdout).toBe(after);
  });
});

describe("status", () => {
  test("of an unreachable broker exits with 4 and says how to start one", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const env = { PARLEY_BROKER_BIND: `127.0.0.1:${listener.port}` };
    listener.stop(true);
    const { stdout, error } = await run(["status", "--json"], { env });
    expect(JSON.parse(stdout)).toMatchObject({ reachable: false, problem: "broker_unreachable" });
    expect(error?.exitCode).toBe(EXIT_CODES.unreachable);
    expect(error?.hint).toContain("agent auth-broker serve");
  });

  test("of a running one tells its version and how much it holds", async () => {
    const env = { PARLEY_HOME: home, PARLEY_BROKER_BIND: "127.0.0.1:0" };
    const config = loadConfig({ keys: brokerKeys, env, cwd: home });
    const broker = await startBroker({ config, env, log: createLogger({ level: "silent" }) });
    broker.vault.upsert("openai", { type: "api_key", key: "k-1" });
    const configured = { PARLEY_AUTH_BROKER_URL: broker.url };
    const { stdout, error } = await run(["status", "--json"], { env: configured });
    expect(error).toBeUndefined();
    expect(JSON.parse(stdout)).toEqual({
      reachable: true,
      url: broker.url,
      version: expect.any(String),
      generation: 2,
      credentials: 1,
      problem: null,
    });
    // A squatter at broker.bind hears nothing: this host's broker has a socket that only its owner can make.
    let heard = 0;
    const squatter = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response(`${++heard}`),
    });
    const squatted = { PARLEY_BROKER_BIND: `127.0.0.1:${squatter.port}` };
    const local = JSON.parse((await run(["status", "--json"], { env: squatted })).stdout);
    expect(local).toMatchObject({
      url: `unix:${broker.socketPath}`,
      reachable: true,
      credentials: 1,
    });
    expect(heard).toBe(0);
    await squatter.stop(true);
    const wrong = { ...configured, PARLEY_AUTH_BROKER_TOKEN: "plb_canary-wrong-token" };
    const refused = await run(["status"], { env: wrong });
    expect(refused.error).toMatchObject({ code: "broker_unauthorized", exitCode: 4 });
    expect(refused.stdout + refused.stderr).not.toContain("canary");
    await broker.stop();
  });
});

test("serve runs until it is told to stop, and then ends without an error", async () => {
  const main = join(import.meta.dir, "..", "main.ts");
  const serving = Bun.spawn(
    [process.execPath, main, "auth-broker", "serve", "--bind", "127.0.0.1:0", "--json"],
    {
      env: { ...environment(), PARLEY_HOME: home },
      stdout: "pipe",
      stderr: "ignore",
    },
  );
  let ready = "";
  for await (const chunk of serving.stdout) {
    ready += new TextDecoder().decode(chunk);
    if (!ready.includes("\n")) continue;
    const { url } = JSON.parse(ready).broker;
    expect(await (await fetch(`${url}/v1/healthz`)).json()).toMatchObject({ ok: true });
    serving.kill("SIGTERM");
  }
  expect(ready).toContain("http://127.0.0.1:");
  expect(await serving.exited).toBe(0);
});
