// Keys in the environment are offered by name, and stay secret.

import { expect, test } from "bun:test";
import { environmentKeys } from "./environment-keys.ts";

test("each provider's first variable that is set is offered, trimmed", () => {
  const env = { OPENAI_API_KEY: " sk-openai-1 ", GOOGLE_API_KEY: "g-2", PATH: "/bin" };
  const offered = environmentKeys(env).map(({ provider, variable, key }) => [
    provider,
    variable,
    key.reveal(),
  ]);
  expect(offered).toEqual([
    ["openai", "OPENAI_API_KEY", "sk-openai-1"],
    ["google", "GOOGLE_API_KEY", "g-2"],
  ]);
  const both = environmentKeys({ GEMINI_API_KEY: "g-1", GOOGLE_API_KEY: "g-2" });
  expect(both.map(({ variable }) => variable)).toEqual(["GEMINI_API_KEY"]);
});

test("an empty or blank variable offers nothing", () => {
  expect(environmentKeys({ OPENAI_API_KEY: "", ANTHROPIC_API_KEY: "  " })).toEqual([]);
});

test("printing an offered key shows no part of it", () => {
  const offered = environmentKeys({ OPENAI_API_KEY: "sk-canary-42" });
  expect(JSON.stringify(offered) + Bun.inspect(offered)).not.toContain("canary");
});
