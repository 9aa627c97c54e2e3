// The command as a person and a script use it: between two hosts, with exit codes, and no secret on the screen.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Broker, brokerKeys, startBroker, Vault } from "#broker";
import { createLogger, loadConfig } from "#platform";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_CODES } from "../../cli-error.ts";
import { runAuthBroker } from "../auth-broker-under-test.ts";

let root: string;
let home: string;
let broker: Broker;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "parley-cli-migrate-"));
  home = join(root, "here");
  const env = { PARLEY_HOME: join(root, "there"), PARLEY_BROKER_BIND: "127.0.0.1:0" };
  const config = loadConfig({ keys: brokerKeys, env, cwd: root });
  broker = await startBroker({ config, env, log: createLogger({ level: "silent" }) });
  const vault = Vault.open(home);
  vault.upsert("openai", { type: "api_key", key: "canary-key" });
  vault.upsert("xai", {
    type: "oauth",
    access: "canary-access",
    refresh: "canary-refresh",
    expires: Date.now() + 3_600_000,
    email: "a@example.test",
  });
  vault.close();
});

afterEach(async () => {
  await broker.stop();
  rmSync(root, { recursive: true });
});

const run = (args: readonly string[], env = {}) =>
  runAuthBroker(["migrate", ...args], {
    PARLEY_HOME: home,
    PARLEY_AUTH_BROKER_URL: broker.url,
    PARLEY_AUTH_BROKER_TOKEN: broker.token,
    ...env,
  });

test("keys by default, grants and the environment's keys when asked for, and all of it once", async () => {
  const first = await run(["--from-local"]);
  expect(first.stdout).toMatch(/^migrated +openai +api_key +-$/m);
  expect(first.stdout).toMatch(/^skipped +xai +oauth +email:a@example.test\n +.*--include-oauth/m);
  const all = ["--from-local", "--include-oauth", "--include-env"];
  const env = { GROQ_API_KEY: "canary-offered" };
  const dry = await run([...all, "--dry-run"], env);
  expect(dry.stderr).toContain("Dry run, nothing was changed: 1 present, 2 migrated");
  const second = await run([...all, "--json"], env);
  expect(JSON.parse(second.stdout)).toMatchObject({
    isDryRun: false,
    broker: broker.url,
    items: [
      { provider: "openai", outcome: "present" },
      { provider: "xai", outcome: "migrated", identityKey: "email:a@example.test" },
      { provider: "groq", outcome: "migrated", variable: "GROQ_API_KEY", id: null },
    ],
  });
  const third = await run(all, env);
  expect(third.stderr).toBe(`2 present, to ${broker.url}\n`);
  expect(broker.vault.list()).toHaveLength(3);
  const shown = [first, dry, second, third].map(({ stdout, stderr }) => stdout + stderr).join("");
  expect(shown).not.toContain("canary");
  const { stdout: audit } = await runAuthBroker(["audit"], { PARLEY_HOME: home });
  expect(audit.split("\n")[1]).toContain(`credential.migrate  ok       to ${broker.url}`);
  expect(audit).toMatch(/credential\.migrate +ok +xai \d+ +done\n/);
});

test("without a source, a broker, or a broker that answers, it says what is missing", async () => {
  expect((await run([])).error).toMatchObject({
    code: "source_missing",
    exitCode: EXIT_CODES.usage,
  });
  const unset = await run(["--from-local"], { PARLEY_AUTH_BROKER_URL: "" });
  expect(unset.error).toMatchObject({ code: "broker_url_missing", exitCode: EXIT_CODES.config });
  await broker.stop();
  const { error } = await run(["--from-local", "--include-oauth"]);
  expect(error).toMatchObject({ code: "broker_unreachable" });
  const vault = Vault.open(home);
  expect(vault.read().credentials).toHaveLength(2);
  vault.close();
});

test("to the broker of this same vault it refuses to move", async () => {
  const { error } = await run(["--from-local"], { PARLEY_HOME: join(root, "there") });
  expect(error).toBeUndefined();
  broker.vault.upsert("openai", { type: "api_key", key: "canary-key" });
  const itself = await run(["--from-local"], { PARLEY_HOME: join(root, "there") });
  expect(itself.error).toMatchObject({ code: "migrate_to_itself" });
});
