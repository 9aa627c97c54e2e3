// The command as a person and a script use it: what it prints, its exit codes, and no secret on the screen.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { Vault } from "#broker";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_CODES } from "../../cli-error.ts";
import { runAuthBroker } from "../auth-broker-under-test.ts";

let root: string;
let home: string;
let files: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parley-cli-import-"));
  home = join(root, "home");
  files = join(root, "files");
  mkdirSync(files);
});

afterEach(() => rmSync(root, { recursive: true }));

const run = (...args: string[]) => runAuthBroker(["import", ...args], { PARLEY_HOME: home });

function write(name: string, content: object): void {
  writeFileSync(join(files, name), JSON.stringify(content));
}

const claude = {
  type: "claude",
  access_token: "canary-access",
  refresh_token: "canary-refresh",
  email: "a@example.test",
};

test("a dry run makes no vault; the run after it stores what was announced", async () => {
  write("claude.json", claude);
  const dry = await run(files, "--dry-run");
  expect(dry.stdout).toMatch(/^imported +anthropic +email:a@example.test +claude.json$/m);
  expect(dry.stdout).toContain("does not permit third-party apps");
  expect(dry.stderr).toBe("Dry run, nothing was changed: 1 imported\n");
  expect(existsSync(home)).toBe(false);
  const { stdout, stderr, error } = await run(files);
  expect(error).toBeUndefined();
  expect(stderr).toBe("1 imported\n");
  const vault = Vault.open(home);
  expect(vault.list()).toMatchObject([
    { provider: "anthropic", identityKey: "email:a@example.test" },
  ]);
  vault.close();
  expect(stdout + stderr + dry.stdout).not.toContain("canary");
  const { stdout: audit } = await runAuthBroker(["audit"], { PARLEY_HOME: home });
  expect(audit).toMatch(/credential\.import +ok +anthropic\n$/);
});

test("as JSON each credential is one item", async () => {
  write("auth.json", { OPENAI_API_KEY: "canary-key" });
  const { stdout } = await run(files, "--json");
  expect(JSON.parse(stdout)).toEqual({
    isDryRun: false,
    items: [
      {
        file: "auth.json",
        format: "Codex CLI",
        provider: "openai",
        type: "api_key",
        identityKey: null,
        outcome: "imported",
        reason: null,
        warning: null,
      },
    ],
  });
});

test("a file that cannot be used makes the command fail, after the others were imported", async () => {
  write("a.json", { ...claude, refresh_token: 7 });
  write("b.json", { OPENAI_API_KEY: "canary-key" });
  const { stdout, error } = await run(files);
  expect(stdout).toMatch(/^refused +- +- +a.json\n +refresh_token: /m);
  expect(stdout).toMatch(/^imported +openai +- +b.json$/m);
  expect(error).toMatchObject({ code: "import_refused", exitCode: EXIT_CODES.failure });
});

test("nothing to import, an absent path and an unknown provider are errors that say so", async () => {
  write("a.json", { hello: "world" });
  expect((await run(files)).error).toMatchObject({ code: "import_empty" });
  expect((await run(join(files, "absent"))).error).toMatchObject({ code: "import_path_unusable" });
  const { error } = await run(files, "--provider", "antropic");
  expect(error).toMatchObject({ code: "unknown_provider", exitCode: EXIT_CODES.usage });
  expect(error?.hint).toContain("anthropic");
});

test("the name of a file cannot steer the terminal", async () => {
  write("\u001b[2J.json", { OPENAI_API_KEY: "canary-key" });
  expect((await run(files)).stdout).not.toContain("\u001b");
});
