// The list as a person and a script read it: complete, narrow enough, and without a secret.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { Vault } from "#broker";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_CODES } from "../../cli-error.ts";
import { runAuthBroker } from "../auth-broker-under-test.ts";

const HOUR_MS = 3_600_000;
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-cli-list-"));
});

afterEach(() => rmSync(home, { recursive: true }));

const run = (args: readonly string[], env = {}) =>
  runAuthBroker(["list", ...args], { PARLEY_HOME: home, ...env });

function store(fill: (vault: Vault) => void): void {
  const vault = Vault.open(home);
  fill(vault);
  vault.close();
}

function grant(email: string, expires: number) {
  return {
    type: "oauth",
    access: `canary-a-${email}`,
    refresh: `canary-r-${email}`,
    expires,
    email,
  } as const;
}

test("without credentials, every provider is there, with ways to add one; nothing is created", async () => {
  const { stdout, stderr } = await run([]);
  expect(stdout).toMatch(/^openai +OpenAI \(ChatGPT\) +api key, browser :1455 +sanctioned$/m);
  expect(stdout).toMatch(/^github-copilot +GitHub Copilot +device +own app$/m);
  expect(stdout).toMatch(/^anthropic +Anthropic +api key, browser :54545 +restricted$/m);
  expect(stderr).toContain("ANTHROPIC_API_KEY");
  expect(stderr).toContain("agent auth-broker login");
  expect(stderr).toContain("agent auth-broker import");
  expect(readdirSync(home)).toEqual([]);
});

test("beneath its provider stands what is stored, disabled or offered, and no secret of it", async () => {
  store((vault) => {
    vault.upsert("openai", { type: "api_key", key: "canary-key" });
    const { id } = vault.upsert("anthropic", grant("a@example.test", Date.now() + 3 * HOUR_MS));
    vault.disable(id, "invalid_grant");
    vault.upsert("anthropic", grant("b@example.test", Date.now() + 3 * HOUR_MS));
    vault.upsert("mcp_oauth:profile:default:https://mcp.test", grant("c@example.test", 1));
  });
  const env = { GEMINI_API_KEY: "canary-offered" };
  const { stdout, stderr } = await run([], env);
  const lines = stdout.split("\n");
  const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
  expect(lines[at("openai ") + 1]).toMatch(/^ {2}\d+ +api_key +- +active$/);
  expect(lines[at("anthropic ") + 1]).toMatch(/oauth +email:a@example.test +disabled 20\d\d-/);
  expect(lines[at("anthropic ") + 2]).toMatch(/^ +because: invalid_grant$/);
  expect(lines[at("anthropic ") + 3]).toMatch(/email:b@example.test +active, expires in 3 h$/);
  expect(lines[at("google ") + 1]).toMatch(/^ {2}- +api_key +\$GEMINI_API_KEY +offered$/);
  expect(lines[at("mcp_oauth:") + 1]).toMatch(/active, access expired$/);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  const json = (await run(["--json"], env)).stdout;
  expect(stdout + stderr + json).not.toContain("canary");
});

test("as JSON it is one array of providers, credentials in each", async () => {
  store((vault) => vault.upsert("openai", grant("a@example.test", 5)));
  const listed = JSON.parse((await run(["--json"], { XAI_API_KEY: "k" })).stdout);
  const openai = listed.find(({ id }: { id: string }) => id === "openai");
  expect(openai).toEqual({
    id: "openai",
    name: "OpenAI (ChatGPT)",
    origin: "built-in",
    policy: { status: "sanctioned", reason: expect.any(String), link: expect.any(String) },
    login: ["api_key", "browser"],
    callbackPort: 1455,
    offeredBy: null,
    credentials: [
      {
        id: expect.any(Number),
        type: "oauth",
        identityKey: "email:a@example.test",
        status: "active",
        disabledCause: null,
        disabledAtMs: null,
        expiresAtMs: 5,
        createdAtMs: expect.any(Number),
        updatedAtMs: expect.any(Number),
      },
    ],
  });
  expect(listed.find(({ id }: { id: string }) => id === "xai").offeredBy).toBe("XAI_API_KEY");
});

test("an operator's client and provider are marked as theirs", async () => {
  const providers = {
    "gitlab-duo": { clientId: "ours", clientSecret: "canary-secret" },
    house: {
      name: "House models",
      apiKey: { variables: ["HOUSE_KEY"], page: "https://house.test" },
    },
  };
  writeFileSync(join(home, "config.yml"), JSON.stringify({ auth: { providers } }));
  const { stdout } = await run([]);
  expect(stdout).toMatch(/^gitlab-duo .* own app, set$/m);
  expect(stdout).toMatch(/^house +House models +api key +yours$/m);
  expect(stdout + (await run(["--json"])).stdout).not.toContain("canary");
});

test("what a provider called an account cannot steer the terminal", async () => {
  store((vault) => vault.upsert("openai", grant("\u001b[2Jevil@example.test", 1)));
  expect((await run([])).stdout).not.toContain("\u001b");
});

test("of a vault whose key is lost it is an error with the way out", async () => {
  store((vault) => vault.upsert("openai", { type: "api_key", key: "k-1" }));
  rmSync(join(home, "vault.key"));
  const { error } = await run([]);
  expect(error).toMatchObject({ code: "master_key_missing", exitCode: EXIT_CODES.failure });
  expect(error?.hint).toContain("backup");
  expect(existsSync(join(home, "vault.key"))).toBe(false);
});
