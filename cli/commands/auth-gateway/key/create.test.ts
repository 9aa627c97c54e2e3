// `key create` as an operator types it: the rules that are stored, and what is refused before anything is.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_CODES } from "../../../cli-error.ts";
import { runCommand } from "../../auth-broker-under-test.ts";
import { authGatewayCommand } from "../../auth-gateway.ts";

const home = mkdtempSync(join(tmpdir(), "parley-key-create-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const run = (...args: readonly string[]) =>
  runCommand(authGatewayCommand, ["key", ...args], { PARLEY_HOME: home });

test("a key may be strict, and transparent to providers that are there", async () => {
  await run("create", "--name", "own", "--strict", "--transparent", "anthropic,openai");
  const { rules } = JSON.parse((await run("show", "own", "--json")).stdout);
  expect(rules).toMatchObject({ strict: true, transparent: ["anthropic", "openai"] });
  const shown = (await run("show", "own")).stdout;
  expect(shown).toContain("anthropic,openai");
  expect(shown).toContain("nothing of a request may be lost");
});

test("a provider that is not there is refused with a near one, and no key is made", async () => {
  const { error } = await run("create", "--name", "typo", "--transparent", "antropic");
  expect(error).toMatchObject({ code: "provider_unknown", hint: "Did you mean anthropic?" });
  expect(error?.exitCode).toBe(EXIT_CODES.usage);
  const glob = await run("create", "--name", "glob", "--transparent", "*");
  expect(glob.error?.code).toBe("key_options_invalid");
  expect((await run("list", "--json")).stdout).not.toContain("typo");
});
