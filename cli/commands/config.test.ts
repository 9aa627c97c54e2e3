// `agent config` as a person and as a script use it, on real files, with three made-up settings.

import { type AnyConfigKey, defineKey, loadConfig } from "#platform";
import { afterAll, describe, expect, test } from "bun:test";
import { Command } from "commander";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command.ts";
import { configCommand } from "./config.ts";

const KEYS: readonly AnyConfigKey[] = [
  defineKey({
    name: "server.bind",
    schema: z.string(),
    default: "127.0.0.1:4000",
    doc: "Where to listen.",
    env: "PARLEY_SERVER_BIND",
    project: "refused",
  }),
  defineKey({
    name: "server.password",
    schema: z.string().min(8),
    default: "",
    doc: "Asked of clients.",
    project: "refused",
    isSecret: true,
  }),
  defineKey({
    name: "peers",
    schema: z.record(
      z.string(),
      z.strictObject({ url: z.string(), apiKey: z.string().meta({ writeOnly: true }).optional() }),
    ),
    default: {},
    doc: "Other servers.",
    project: "refused",
  }),
];

const root = mkdtempSync(join(tmpdir(), "cli-config-"));
afterAll(() => rmSync(root, { recursive: true }));

let made = 0;

function scratch(home?: string) {
  made += 1;
  const directory = join(root, `case-${made}`);
  mkdirSync(join(directory, "work"), { recursive: true });
  const path = join(directory, "config.yml");
  if (home !== undefined) writeFileSync(path, home);
  const env = { HOME: directory, PARLEY_HOME: directory };
  const cwd = join(directory, "work");
  return { path, cwd, env, run: (...words: string[]) => run({ env, cwd }, words) };
}

function run(
  { env, cwd }: Pick<CommandContext, "env" | "cwd">,
  words: readonly string[],
): { stdout: string; stderr: string } {
  const printed = { stdout: "", stderr: "" };
  const context: CommandContext = {
    args: words,
    env,
    cwd,
    keys: KEYS,
    isTty: false,
    stdout: (text) => {
      printed.stdout += text;
    },
    stderr: (text) => {
      printed.stderr += text;
    },
    loadConfig: (flags, file) => loadConfig({ keys: KEYS, env, cwd, flags, file }),
  };
  const program = new Command("agent").exitOverride();
  void configCommand.register(program.command(configCommand.name), context);
  program.parse(["config", ...words], { from: "user" });
  return printed;
}

function refusalOf(action: () => unknown): CliError {
  try {
    action();
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("get", () => {
  test("prints the effective value, bare or as JSON", () => {
    const { run } = scratch("server: { bind: h:1 }");
    expect(run("get", "server.bind").stdout).toBe("h:1\n");
    expect(run("get", "server.bind", "--json").stdout).toBe('"h:1"\n');
  });

  test("reaches into a map", () => {
    const { run } = scratch("peers: { x: { url: u, apiKey: canary } }");
    expect(run("get", "peers.x.url").stdout).toBe("u\n");
    expect(run("get", "peers.x.apiKey").stdout).toBe("[secret]\n");
    expect(run("get", "peers.y.url", "--json").stdout).toBe("null\n");
  });

  test("reads a file given with --config", () => {
    const { run, cwd } = scratch();
    writeFileSync(join(cwd, "extra.yml"), "server: { bind: x:9 }");
    expect(run("get", "server.bind", "--config", "extra.yml").stdout).toBe("x:9\n");
  });

  test("an unknown key is wrong usage and names the nearest one", () => {
    const refusal = refusalOf(() => scratch().run("get", "server.bnid"));
    expect(refusal).toMatchObject({ code: "unknown_key", exitCode: 2 });
    expect(refusal.hint).toBe("Did you mean server.bind?");
    expect(refusalOf(() => scratch().run("get", "qqqqqqqq")).hint).toContain("config list");
  });
});

describe("set and unset", () => {
  test("what is set is what get prints, and the file keeps its comments", () => {
    const { run, path } = scratch("# mine\nserver: {}\n");
    expect(run("set", "server.bind", "h:2").stdout).toBe("");
    expect(run("get", "server.bind").stdout).toBe("h:2\n");
    run("set", "peers.x.url", "http://x");
    expect(run("get", "peers", "--json").stdout).toBe('{"x":{"url":"http://x"}}\n');
    run("unset", "server.bind");
    expect(run("get", "server.bind").stdout).toBe("127.0.0.1:4000\n");
    expect(readFileSync(path, "utf8")).toStartWith("# mine\n");
  });

  test("an invalid value is wrong usage, says why, and does not repeat a secret", () => {
    const { run } = scratch();
    const refusal = refusalOf(() => run("set", "server.password", "canary"));
    expect(refusal).toMatchObject({ code: "invalid_value", exitCode: 2 });
    expect(refusal.message).toContain("server.password");
    expect(refusal.message).not.toContain("canary");
  });

  test("a wrong setting can be repaired with set, though nothing else starts with it", () => {
    const { run } = scratch("server: { bind: 3 }\n");
    expect(() => run("get", "server.bind")).toThrow("server.bind: expected text");
    run("set", "server.bind", "h:1");
    expect(run("get", "server.bind").stdout).toBe("h:1\n");
  });

  test("a file with a syntax error is a configuration error, left as it is", () => {
    const { run, path } = scratch("server: { bind: 3\n");
    expect(() => run("set", "server.bind", "h:1")).toThrow(`${path}:`);
    expect(readFileSync(path, "utf8")).toBe("server: { bind: 3\n");
  });

  test("unsetting what was not set says so and succeeds", () => {
    expect(scratch().run("unset", "server.bind").stderr).toContain("was not set");
  });
});

describe("list", () => {
  test("a table of every key, value and source, without secrets", () => {
    const { run, path } = scratch("server:\n  password: canary-canary\n");
    const { stdout } = run("list");
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]?.split(/ +/)).toEqual(["KEY", "VALUE", "SOURCE"]);
    expect(lines[1]?.split(/ +/)).toEqual(["server.bind", "127.0.0.1:4000", "default"]);
    expect(lines[2]?.split(/ +/)).toEqual(["server.password", "[secret]", `${path}:2`]);
    expect(lines).toHaveLength(KEYS.length + 1);
    expect(stdout).not.toContain("canary");
  });

  test("a map has a row for each entry, cut where it would be too wide; an unset secret shows nothing", () => {
    const { run } = scratch(
      `peers:\n  a: { url: ${"u".repeat(200)}, apiKey: canary-canary }\n  b: { url: v }\n`,
    );
    const { stdout } = run("list");
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.split(/ +/)[0])).toEqual([
      "KEY",
      "server.bind",
      "server.password",
      "peers.a",
      "peers.b",
    ]);
    expect(lines[2]?.split(/ +/)).toEqual(["server.password", "default"]);
    expect(lines[3]).toContain("…");
    expect(Math.max(...lines.map((line) => line.indexOf("default")))).toBeLessThan(90);
    expect(stdout).not.toContain("canary");
  });

  test("--json gives names, values and sources to scripts", () => {
    const { env, cwd } = scratch();
    const { stdout } = run({ cwd, env: { ...env, PARLEY_SERVER_BIND: "e:1" } }, ["list", "--json"]);
    expect(JSON.parse(stdout)[0]).toEqual({
      name: "server.bind",
      value: "e:1",
      source: { layer: "env", name: "PARLEY_SERVER_BIND" },
    });
  });
});

describe("path", () => {
  test("lists the files and whether they exist, even when one is broken", () => {
    const { run, path } = scratch("not: [valid\n");
    expect(run("path").stdout).toBe(`home  ${path}\n`);
    expect(JSON.parse(run("path", "--json").stdout)).toEqual([
      { path, layer: "home", exists: true },
    ]);
  });

  test("an absent file is marked", () => {
    expect(scratch().run("path").stdout).toContain("(absent)");
  });
});
