// The command line as a whole: what is loaded, and what a mistake costs.

import { expect, test } from "bun:test";
import { loadConfig } from "#platform";
import { configKeys } from "./config-keys.ts";
import { commands } from "./commands/index.ts";
import { runProgram } from "./program.ts";

async function run(args: readonly string[]) {
  let opened = 0;
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  const env = { PARLEY_HOME: "/nonexistent/parley" };
  const code = await runProgram(args, {
    stdout: write,
    stderr: write,
    version: "1.2.3",
    openContext: async () => {
      opened += 1;
      return {
        args,
        env,
        cwd: "/",
        keys: configKeys,
        stdout: write,
        stderr: write,
        isTty: false,
        loadConfig: (flags = {}) => loadConfig({ keys: configKeys, env, cwd: "/", flags }),
      };
    },
  });
  return { code, opened, text: written.join("") };
}

test("help and version load no command, and a command loads itself alone", async () => {
  expect(await run(["--help"])).toMatchObject({ code: 0, opened: 0 });
  expect(await run(["--version"])).toMatchObject({ code: 0, opened: 0, text: "1.2.3\n" });
  expect(await run([])).toMatchObject({ code: 0, opened: 0 });
  expect(await run(["doctor", "--help"])).toMatchObject({ code: 0, opened: 1 });
});

test("the list tells of each command what the command tells of itself", async () => {
  for (const { name, summary, load } of commands) {
    expect(await load()).toMatchObject({ name, summary });
  }
});

test("wrong usage is exit code 2, a wrong configuration 3, each with a text", async () => {
  expect(await run(["nonsense"])).toMatchObject({ code: 2 });
  const wrong = await run(["up", "--gateway-bind", "nowhere"]);
  expect(wrong.code).toBe(3);
  expect(wrong.text).toContain("--gateway-bind");
});
