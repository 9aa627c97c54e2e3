// Keys in the environment are offered by name, and stay secret.

import { expect, test } from "bun:test";
import { type Environment, loadConfig } from "#platform";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brokerKeys } from "./config.ts";
import { environmentKeys } from "./environment-keys.ts";
import { openRegistry } from "./oauth/registry.ts";

const cwd = tmpdir();
const shipped = openRegistry(loadConfig({ keys: brokerKeys, env: { PARLEY_HOME: "/none" }, cwd }));
const offeredBy = (env: Environment) => environmentKeys(env, shipped);

test("each provider's first variable that is set is offered, trimmed", () => {
  const env = { OPENAI_API_KEY: " sk-openai-1 ", GOOGLE_API_KEY: "g-2", PATH: "/bin" };
  const offered = offeredBy(env).map(({ provider, variable, key }) => [
    provider,
    variable,
    key.reveal(),
  ]);
  expect(offered).toEqual([
    ["openai", "OPENAI_API_KEY", "sk-openai-1"],
    ["google", "GOOGLE_API_KEY", "g-2"],
  ]);
  const both = offeredBy({ GEMINI_API_KEY: "g-1", GOOGLE_API_KEY: "g-2" });
  expect(both.map(({ variable }) => variable)).toEqual(["GEMINI_API_KEY"]);
});

test("an empty or blank variable offers nothing", () => {
  expect(offeredBy({ OPENAI_API_KEY: "", ANTHROPIC_API_KEY: "  " })).toEqual([]);
});

test("printing an offered key shows no part of it", () => {
  const offered = offeredBy({ OPENAI_API_KEY: "sk-canary-42" });
  expect(JSON.stringify(offered) + Bun.inspect(offered)).not.toContain("canary");
});

test("a provider of the operator's is offered the key in its variable", () => {
  const home = mkdtempSync(join(tmpdir(), "parley-offered-"));
  try {
    const apiKey = { variables: ["HOUSE_KEY"], page: "https://house.test" };
    const providers = { house: { name: "House", apiKey } };
    writeFileSync(join(home, "config.yml"), JSON.stringify({ auth: { providers } }));
    const config = loadConfig({ keys: brokerKeys, env: { PARLEY_HOME: home }, cwd: home });
    const offered = environmentKeys({ HOUSE_KEY: "h-1" }, openRegistry(config));
    expect(offered).toMatchObject([{ provider: "house", variable: "HOUSE_KEY" }]);
  } finally {
    rmSync(home, { recursive: true });
  }
});
