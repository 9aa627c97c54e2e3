// `agent usage` against a real broker, whose provider answers on a real socket.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Broker, brokerKeys, startBroker } from "#broker";
import { createLogger, loadConfig } from "#platform";
import { UsageReports } from "#wire";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_CODES } from "../cli-error.ts";
import { runCommand } from "./auth-broker-under-test.ts";
import { usageCommand } from "./usage.ts";

let home: string;
let broker: Broker | undefined;
let provider: Bun.Server<undefined>;
let answer: () => Response;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-cli-usage-"));
  answer = () => Response.json({ percent: 42 });
  provider = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => answer() });
  const acme = {
    name: "Acme",
    apiKey: { variables: ["ACME_KEY"], page: "https://acme.example/keys" },
    usage: {
      url: `http://127.0.0.1:${provider.port}/usage`,
      headers: { authorization: "Bearer {access}" },
      limits: [{ id: "day", label: "Day", usedPercent: "percent" }],
      appliesTo: ["api_key"],
    },
  };
  writeFileSync(join(home, "config.yml"), JSON.stringify({ auth: { providers: { acme } } }));
});

afterEach(async () => {
  await broker?.stop();
  broker = undefined;
  await provider.stop(true);
  rmSync(home, { recursive: true });
});

async function start(): Promise<Broker> {
  const env = { PARLEY_HOME: home };
  const flags = { "--broker-bind": "127.0.0.1:0" };
  const config = loadConfig({ keys: brokerKeys, env, cwd: home, flags });
  broker = await startBroker({ config, env, log: createLogger({ level: "silent" }) });
  return broker;
}

const run = (args: readonly string[], env = {}) =>
  runCommand(usageCommand, args, { PARLEY_HOME: home, ...env });

test("the accounts of this host's broker are drawn, found by its socket", async () => {
  const { vault } = await start();
  const { id } = vault.upsert("acme", { type: "api_key", key: "canary-key" });
  const { stdout, stderr, error } = await run([]);
  expect([error, stderr]).toEqual([undefined, ""]);
  expect(stdout).toBe(`acme
  API key ${id}
    Day                 ██████▊░░░░░░░░░   42 %
`);
});

test("as JSON it is what the broker reports, of one provider when one is named", async () => {
  const { vault, url, token } = await start();
  vault.upsert("acme", { type: "api_key", key: "canary-key" });
  const env = { PARLEY_AUTH_BROKER_URL: url, PARLEY_AUTH_BROKER_TOKEN: token };
  const { stdout } = await run(["--json", "--provider", "acme"], env);
  const { reports } = UsageReports.parse(JSON.parse(stdout));
  expect(reports).toMatchObject([{ provider: "acme", limits: [{ id: "day" }] }]);
  expect(stdout).not.toContain("canary");
  const others = JSON.parse((await run(["--json", "--provider", "openai"], env)).stdout);
  expect(others.reports).toEqual([]);
});

test("a provider that does not answer is a line, not an error", async () => {
  const { vault } = await start();
  vault.upsert("acme", { type: "api_key", key: "canary-key" });
  answer = () => new Response("", { status: 500 });
  const { stdout, error } = await run([]);
  expect(error).toBeUndefined();
  expect(stdout).toMatch(/^acme\n {2}API key \d+ {2}the provider failed\n {4}– not known\n$/);
});

test("where nothing is known yet, that is said in words, and stdout stays empty", async () => {
  await start();
  const { stdout, stderr, error } = await run([]);
  expect([error, stdout]).toEqual([undefined, ""]);
  expect(stderr).toContain("knows no usage of any account yet");
  expect((await run(["--provider", "acme"])).stderr).toContain("an account of acme");
});

test("without a broker that answers it is exit code 4, and says how to get one", async () => {
  const never = await run([]);
  expect(never.error).toMatchObject({ code: "no_broker", exitCode: EXIT_CODES.unreachable });
  const { url, token } = await start();
  await broker?.stop();
  const env = { PARLEY_AUTH_BROKER_URL: url, PARLEY_AUTH_BROKER_TOKEN: token };
  const gone = await run([], env);
  expect(gone.error).toMatchObject({
    code: "broker_unreachable",
    exitCode: EXIT_CODES.unreachable,
  });
  expect(gone.error?.message).toContain(url);
  expect(gone.error?.hint).toContain("agent auth-broker serve");
  expect(gone.stdout).toBe("");
});

test("a token that may not read usage is told so", async () => {
  const { url } = await start();
  const env = { PARLEY_AUTH_BROKER_URL: url, PARLEY_AUTH_BROKER_TOKEN: "plb_wrong" };
  expect((await run([], env)).error).toMatchObject({ code: "broker_unauthorized" });
});

test.each([
  [["--csv"], "--csv"],
  [["--since", "7d"], "--since"],
  [["--until", "2026-11-01"], "--until"],
  [["--by", "key", "--provider", "openai"], "--provider"],
])("%p is refused: it would do nothing", async (args, named) => {
  const { error, stdout } = await run(args);
  expect(error).toMatchObject({ code: "option_without_use", exitCode: EXIT_CODES.usage });
  expect(error?.message).toContain(named);
  expect(stdout).toBe("");
});

test("where no gateway has served, --by says so, and CSV and JSON are whole and empty", async () => {
  expect((await run(["--by", "model"])).stdout).toContain("has served nothing in that time");
  expect((await run(["--by", "account", "--csv"])).stdout).toMatch(/^account,requests,.*\r\n$/);
  const json = await run([
    "--by",
    "day",
    "--since",
    "2026-11-01",
    "--until",
    "2026-11-02",
    "--json",
  ]);
  expect(JSON.parse(json.stdout)).toEqual({
    by: "day",
    sinceMs: Date.UTC(2026, 10, 1),
    untilMs: Date.UTC(2026, 10, 3),
    pricesAsOf: expect.any(String),
    sums: [],
  });
});
