// Layers, precedence, trust and error texts of the configuration, on real files in a scratch
// directory.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { loadConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { MAX_CONFIG_BYTES, MAX_PROJECT_CONFIG_BYTES } from "./config-files.ts";
import { type ConfigKey, defineKey } from "./config-key.ts";
import type { Environment } from "./env.ts";
import { Secret } from "./secret.ts";

const bind = defineKey({
  name: "server.bind",
  schema: z.string(),
  default: "127.0.0.1:4000",
  doc: "Where to listen.",
  env: "PARLEY_SERVER_BIND",
  flag: "--server-bind",
  project: "refused",
});
const maxBytes = defineKey({
  name: "server.maxBytes",
  schema: z.int().min(1).max(1000),
  default: 100,
  doc: "Largest body.",
  env: "PARLEY_SERVER_MAX_BYTES",
  flag: "--server-max-bytes",
  project: { isTighter: (operator: number, project: number) => project < operator },
});
const level = defineKey({
  name: "log.level",
  schema: z.enum(["debug", "info"]),
  default: "info",
  doc: "How much is logged.",
  env: "PARLEY_LOG_LEVEL",
  project: "chosen",
});
const isPretty = defineKey({
  name: "log.pretty",
  schema: z.boolean(),
  default: false,
  doc: "For people.",
  env: "PARLEY_LOG_PRETTY",
  flag: "--log-pretty",
  project: "chosen",
});
const origins = defineKey({
  name: "server.origins",
  schema: z.array(z.string()),
  default: [],
  doc: "Allowed origins.",
  env: "PARLEY_SERVER_ORIGINS",
  project: "refused",
});
const password = defineKey<Secret | undefined>({
  name: "server.password",
  schema: z
    .string()
    .min(12, "must have at least 12 characters")
    .transform((text) => new Secret(text)),
  default: undefined,
  doc: "Asked of clients.",
  env: "PARLEY_SERVER_PASSWORD",
  project: "refused",
  isSecret: true,
});
const peers = defineKey({
  name: "peers",
  schema: z.record(
    z.string(),
    z.strictObject({
      url: z.string(),
      apiKey: z.string().meta({ writeOnly: true }).optional(),
      weight: z.number().optional(),
    }),
  ),
  default: {},
  doc: "Other servers.",
  env: "PARLEY_PEERS",
  project: "refused",
});
const KEYS = [bind, maxBytes, level, isPretty, origins, password, peers];

const root = mkdtempSync(join(tmpdir(), "config-"));
afterAll(() => rmSync(root, { recursive: true }));

interface Files {
  home?: string;
  project?: string;
  file?: string;
}

let made = 0;

/** A home, and a project whose files are as given; `cwd` is two directories below the project. */
function scratch({ home, project, file }: Files = {}) {
  made += 1;
  const at = join(root, `case-${made}`);
  const cwd = join(at, "work", "src", "deep");
  const paths = {
    home: join(at, "home", "config.yml"),
    project: join(at, "work", ".parley", "config.yml"),
    file: join(at, "extra.yml"),
  };
  mkdirSync(cwd, { recursive: true });
  for (const [path, text] of [
    [paths.home, home],
    [paths.project, project],
    [paths.file, file],
  ] as const) {
    mkdirSync(dirname(path), { recursive: true });
    if (text !== undefined) writeFileSync(path, text);
  }
  const env: Environment = { HOME: join(at, "user"), PARLEY_HOME: dirname(paths.home) };
  return { at, cwd, env, paths };
}

function problemsOf(load: () => unknown): string[] {
  try {
    load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.code).toBe("config_invalid");
    return error.problems.map(({ where, message }) => `${where}: ${message}`);
  }
  throw new Error("the configuration was accepted");
}

function homeProblems(home: string): string[] {
  const { cwd, env, paths } = scratch({ home });
  return problemsOf(() => loadConfig({ keys: KEYS, env, cwd })).map((problem) =>
    problem.replace(paths.home, "home"),
  );
}

function envProblems(variables: Environment): string[] {
  const { cwd, env } = scratch();
  return problemsOf(() => loadConfig({ keys: KEYS, env: { ...env, ...variables }, cwd }));
}

describe("precedence", () => {
  test("without any file every setting has its default", () => {
    const { cwd, env } = scratch();
    const config = loadConfig({ keys: KEYS, env, cwd });
    expect(config.get(bind)).toBe("127.0.0.1:4000");
    expect(config.source(bind)).toEqual({ layer: "default" });
  });

  test("each layer wins over the one before it, and says so", () => {
    const { cwd, env, paths } = scratch({
      home: "server:\n  bind: home:1\nlog:\n  level: debug\n",
      project: "# theirs\nlog: { pretty: true, level: info }",
      file: "server: { bind: file:1, origins: [a] }",
    });
    const options = { keys: KEYS, cwd, file: paths.file };
    const files = loadConfig({ ...options, env });
    expect([files.get(bind), files.get(level), files.get(isPretty)]).toEqual([
      "file:1",
      "info",
      true,
    ]);
    expect(files.source(bind)).toEqual({ layer: "file", path: paths.file, line: 1 });
    expect(files.source(level)).toEqual({ layer: "project", path: paths.project, line: 2 });

    const withEnv = { ...env, PARLEY_SERVER_BIND: "env:1" };
    const variables = loadConfig({ ...options, env: withEnv });
    expect(variables.get(bind)).toBe("env:1");
    expect(variables.source(bind)).toEqual({ layer: "env", name: "PARLEY_SERVER_BIND" });

    const flags = loadConfig({ ...options, env: withEnv, flags: { "--server-bind": "flag:1" } });
    expect(flags.get(bind)).toBe("flag:1");
    expect(flags.source(bind)).toEqual({ layer: "flag", name: "--server-bind" });
  });

  test("a map merges entry by entry, each entry replaced whole", () => {
    const { cwd, env, paths } = scratch({
      home: "peers: { a: { url: home-a, weight: 1 }, b: { url: home-b } }",
      file: "peers: { a: { url: file-a } }",
    });
    const config = loadConfig({ keys: KEYS, env, cwd, file: paths.file });
    expect(config.get(peers)).toEqual({ a: { url: "file-a" }, b: { url: "home-b" } });
  });

  test("the files are listed lowest first, also those that do not exist", () => {
    const { cwd, env, paths } = scratch({ project: "" });
    expect(loadConfig({ keys: KEYS, env, cwd }).files).toEqual([
      { path: paths.home, layer: "home", exists: false },
      { path: paths.project, layer: "project", exists: true },
    ]);
  });

  test("a --config file is found from the working directory and must exist", () => {
    const { cwd, env } = scratch();
    const [problem] = problemsOf(() => loadConfig({ keys: KEYS, env, cwd, file: "none.yml" }));
    expect(problem).toBe(`${join(cwd, "none.yml")}: no such file`);
  });

  test("an empty group, and an empty file, say nothing", () => {
    const { cwd, env } = scratch({ home: "server:\nlog: {}\n", project: "" });
    expect(loadConfig({ keys: KEYS, env, cwd }).source(bind)).toEqual({ layer: "default" });
  });
});

describe("text from variables and flags", () => {
  test("numbers, booleans, lists and maps are read as what the setting expects", () => {
    const { cwd, env } = scratch();
    const config = loadConfig({
      keys: KEYS,
      cwd,
      env: {
        ...env,
        PARLEY_SERVER_MAX_BYTES: "42",
        PARLEY_SERVER_ORIGINS: "https://a, https://b",
        PARLEY_PEERS: '{ "x": { "url": "u" } }',
        PARLEY_SERVER_BIND: "123",
      },
      flags: { "--log-pretty": true, "--unrelated": "x", "--server-max-bytes": undefined },
    });
    expect(config.get(maxBytes)).toBe(42);
    expect(config.get(origins)).toEqual(["https://a", "https://b"]);
    expect(config.get(peers)).toEqual({ x: { url: "u" } });
    expect(config.get(bind)).toBe("123");
    expect(config.get(isPretty)).toBe(true);
  });

  test.each([
    ["1", true],
    ["Yes", true],
    ["off", false],
    ["false", false],
  ])("%s is a boolean", (text, expected) => {
    const { cwd, env } = scratch();
    const config = loadConfig({ keys: KEYS, cwd, env: { ...env, PARLEY_LOG_PRETTY: text } });
    expect(config.get(isPretty)).toBe(expected);
  });

  test("a variable set to nothing is not set", () => {
    const { cwd, env } = scratch();
    const config = loadConfig({ keys: KEYS, cwd, env: { ...env, PARLEY_LOG_LEVEL: "" } });
    expect(config.source(level)).toEqual({ layer: "default" });
  });

  test("an ill-typed variable or flag is named", () => {
    expect(envProblems({ PARLEY_SERVER_MAX_BYTES: "many" })).toEqual([
      '$PARLEY_SERVER_MAX_BYTES: server.maxBytes: expected an integer from 1 to 1000, got the text "many"',
    ]);
    const { cwd, env } = scratch();
    const flags = { "--server-max-bytes": "0" };
    const [problem] = problemsOf(() => loadConfig({ keys: KEYS, env, cwd, flags }));
    expect(problem).toStartWith("--server-max-bytes: server.maxBytes: too small");
  });

  test("an unknown variable of ours is a problem, known others and foreign ones are not", () => {
    expect(envProblems({ PARLEY_SERVER_BNID: "x", SERVER_BNID: "x", PARLEY_CORPUS: "/c" })).toEqual(
      ["$PARLEY_SERVER_BNID: unknown environment variable; did you mean PARLEY_SERVER_BIND?"],
    );
    const { cwd, env } = scratch();
    const withOther = { ...env, PARLEY_SIM_SEED: "1" };
    const otherVariables = ["PARLEY_SIM_SEED"];
    expect(() => loadConfig({ keys: KEYS, env: withOther, cwd, otherVariables })).not.toThrow();
  });
});

describe("a wrong file is an error that names file, line and the nearest key", () => {
  test.each([
    ["log:\n  levle: info", "home:2: unknown key log.levle; did you mean log.level?"],
    ["sevrer: { bind: x }", "home:1: unknown key sevrer; did you mean server?"],
    ["# x\n\nbind: a:1", "home:3: unknown key bind; did you mean server.bind?"],
    ["peers:\n  a:\n    ulr: u\n    url: u", "home:3: unknown key peers.a.ulr; did you mean url?"],
    ["peers:\n  a:\n    weight: 1", "home:2: peers.a.url: expected text, got nothing"],
    ["server: 3", "home:1: server is a group of settings, not a value"],
    ["server.bind: x", "home:1: write server.bind nested: server: { bind: … }"],
    [
      "server: { maxBytes: '9' }",
      'home:1: server.maxBytes: expected an integer from 1 to 1000, got the text "9"',
    ],
    ["log:\n  level: loud", 'home:2: log.level: expected "debug" or "info", got the text "loud"'],
    ["log: { pretty: 1 }", "home:1: log.pretty: expected true or false, got the number 1"],
    ["server: { bind: }", "home:1: server.bind: expected text, got nothing"],
    [
      "server: { origins: { a: 1 } }",
      "home:1: server.origins: expected a list of text, got a mapping",
    ],
    [
      "server: { bind: x",
      "home:1: the indentation does not fit, or a bracket or quote above is not closed",
    ],
    [
      "server: { bind: a:1 }\nserver: { bind: b:1 }",
      'home:2: "server" is already set in this mapping',
    ],
  ])("%j", (text, expected) => {
    expect(homeProblems(text)).toEqual([expected]);
  });

  test("all problems of all layers are reported together", () => {
    const { cwd, env, paths } = scratch({
      home: "nonsense: 1\nlog: { level: 3 }",
      project: "server: { bind: x }",
      file: "log: { pretty: maybe }",
    });
    const withEnv = { ...env, PARLEY_SERVER_MAX_BYTES: "x" };
    const problems = problemsOf(() =>
      loadConfig({ keys: KEYS, env: withEnv, cwd, file: paths.file }),
    );
    expect(problems).toHaveLength(5);
  });

  test("a secret of the wrong type is described without its value", () => {
    const problems = [
      ...homeProblems("server: { password: canary }"),
      ...homeProblems("server: { password: 471147114711 }"),
      ...homeProblems("peers: { a: { url: u, apiKey: [canary] } }"),
      ...homeProblems("peers: { a: { url: u, apiKey: 4711 } }"),
      ...envProblems({ PARLEY_SERVER_PASSWORD: "canary" }),
    ];
    expect(problems).toHaveLength(5);
    expect(problems.join("\n")).not.toMatch(/canary|4711/);
    expect(problems[0]).toBe(
      "home:1: server.password: must have at least 12 characters; got a text",
    );
  });

  test("a directory, a file that is no text and a file too large are problems", () => {
    expect(homeProblems("x: 1\n#".padEnd(MAX_CONFIG_BYTES + 1, "x"))[0]).toContain("larger than");
    const { cwd, env, paths } = scratch();
    mkdirSync(paths.home);
    expect(problemsOf(() => loadConfig({ keys: KEYS, env, cwd }))[0]).toContain(
      "not a regular file",
    );
    rmSync(paths.home, { recursive: true });
    writeFileSync(paths.home, new Uint8Array([0x61, 0x3a, 0xff, 0xfe]));
    expect(problemsOf(() => loadConfig({ keys: KEYS, env, cwd }))[0]).toContain("not UTF-8");
  });
});

describe("a checkout is not trusted", () => {
  function load(project: string, home = "") {
    const { cwd, env, paths } = scratch({ home, project });
    return {
      config: () => loadConfig({ keys: KEYS, env, cwd }),
      problems: () =>
        problemsOf(() => loadConfig({ keys: KEYS, env, cwd })).map((problem) =>
          problem.replace(paths.project, "project"),
        ),
    };
  }

  test("it cannot set what is refused, and the error says where to set it", () => {
    expect(load("server:\n  bind: 0.0.0.0:1").problems()).toEqual([
      "project:2: a project file cannot set server.bind: a checkout is not trusted; " +
        "set it in $PARLEY_HOME/config.yml, $PARLEY_SERVER_BIND, --server-bind",
    ]);
    expect(load("peers: { evil: { url: x } }").problems()).toHaveLength(1);
  });

  test("it can tighten a limit and repeat it, but not loosen it", () => {
    expect(load("server: { maxBytes: 50 }").config().get(maxBytes)).toBe(50);
    expect(load("server: { maxBytes: 100 }").config().get(maxBytes)).toBe(100);
    expect(load("server: { maxBytes: 101 }").problems()).toEqual([
      "project:1: a project file may only tighten server.maxBytes, which the operator leaves at 100",
    ]);
  });

  test("tightening is measured against the operator's file, not against the default", () => {
    const home = "server: { maxBytes: 10 }";
    expect(load("server: { maxBytes: 50 }", home).problems()).toHaveLength(1);
    expect(load("server: { maxBytes: 5 }", home).config().get(maxBytes)).toBe(5);
  });

  test("a file of hostile size or kind is a problem, not a hang", () => {
    expect(load("#".repeat(MAX_PROJECT_CONFIG_BYTES + 1)).problems()[0]).toContain("larger than");
    const { cwd, env, paths } = scratch();
    symlinkSync("/dev/zero", paths.project);
    expect(problemsOf(() => loadConfig({ keys: KEYS, env, cwd }))[0]).toContain(
      "not a regular file",
    );
  });

  test("the operator's own files are never a project's, also when PARLEY_HOME points elsewhere", () => {
    const { at, env } = scratch();
    const own = join(at, "user", ".parley");
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "config.yml"), "server: { bind: own:1 }");
    const cwd = join(at, "user", "code");
    mkdirSync(cwd);
    expect(loadConfig({ keys: KEYS, env, cwd }).files).toHaveLength(1);
    const atHome = loadConfig({ keys: KEYS, env: { HOME: join(at, "user") }, cwd });
    expect(atHome.source(bind).layer).toBe("home");
  });

  test("the nearest of several project files is the one", () => {
    const { cwd, env } = scratch({ project: "log: { level: debug }" });
    mkdirSync(join(cwd, ".parley"));
    writeFileSync(join(cwd, ".parley", "config.yml"), "log: { pretty: true }");
    const config = loadConfig({ keys: KEYS, env, cwd });
    expect([config.get(level), config.get(isPretty)]).toEqual(["info", true]);
  });
});

describe("listing", () => {
  test("names, values and sources, with every secret replaced by a marker", () => {
    const { cwd, env } = scratch({
      home: "server: { password: canary-canary }\npeers: { a: { url: u, apiKey: canary } }",
    });
    const config = loadConfig({ keys: KEYS, env, cwd });
    expect(config.get(password)?.reveal()).toBe("canary-canary");
    const listed = config.list();
    expect(listed.map(({ name }) => name)).toEqual(KEYS.map(({ name }) => name));
    expect(JSON.stringify(listed)).not.toContain("canary");
    expect(listed.at(-1)?.value).toEqual({ a: { url: "u", apiKey: "[secret]" } });
    expect(listed[5]?.value).toBe("[secret]");
  });

  test("a secret that is not set lists as nothing", () => {
    const { cwd, env } = scratch();
    expect(loadConfig({ keys: KEYS, env, cwd }).list()[5]?.value).toBeNull();
  });
});

describe("mistakes in code", () => {
  test("a key that was not loaded cannot be read", () => {
    const { cwd, env } = scratch();
    const twin: ConfigKey<string> = { ...bind };
    expect(() => loadConfig({ keys: KEYS, env, cwd }).get(twin)).toThrow("server.bind");
  });

  test("two settings of one name are refused", () => {
    const { cwd, env } = scratch();
    expect(() => loadConfig({ keys: [bind, bind], env, cwd })).toThrow("two settings");
  });
});
