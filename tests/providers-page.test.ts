// The page about providers says what the program does: its table and its examples are checked against it.

import { expect, test } from "bun:test";
import { brokerKeys, openRegistry } from "#broker";
import { gatewayKeys, providersKey } from "#gateway";
import { loadConfig, type Config } from "#platform";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtInProviders } from "../gateway/providers/index.ts";
import type { Provider } from "../gateway/providers/provider.ts";
import { listProviders } from "../gateway/start.ts";

const page = readFileSync(join(import.meta.dir, "..", "docs", "providers.md"), "utf8");

const builtIn: readonly Provider[] = builtInProviders;

type Keys = Parameters<typeof loadConfig>[0]["keys"];

function withConfig<T>(yaml: string, keys: Keys, use: (config: Config) => T): T {
  const home = mkdtempSync(join(tmpdir(), "parley-page-"));
  try {
    writeFileSync(join(home, "config.yml"), yaml);
    return use(loadConfig({ keys, env: { PARLEY_HOME: home }, cwd: home }));
  } finally {
    rmSync(home, { recursive: true });
  }
}

function registryOf(yaml: string) {
  return withConfig(yaml, brokerKeys, openRegistry);
}

test("the table lists every login that ships, with its port and what its provider permits", () => {
  const rows = page.matchAll(/^\| `([\w-]+)` +\| ([^|]+?) +\| ([\w-]+) +\|/gm);
  const listed = [...rows].map(([, id, login, status]) => [id, login, status]);
  const shipped = registryOf("")
    .all()
    .flatMap(({ descriptor: { id, oauth } }) => {
      if (oauth === undefined) return [];
      const { flow, policy } = oauth;
      const login = flow.kind === "device" ? "device code" : `browser, port ${flow.redirect.port}`;
      return [[id, login, policy.status]];
    });
  expect(listed.toSorted()).toEqual(shipped.toSorted());
});

const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = ""]) => yaml);
const examplesOf = (key: string) => examples.filter((yaml) => yaml.startsWith(`${key}:`));

test("its examples of logins are configurations that load", () => {
  const origins = examplesOf("auth").map((yaml) =>
    registryOf(yaml)
      .all()
      .filter(({ origin }) => origin !== "built-in")
      .map(({ descriptor, origin }) => [descriptor.id, origin]),
  );
  expect(origins).toEqual([[["gitlab-duo", "operator-client"]], [["house", "operator"]]]);
});

test("the table lists every upstream, with what it speaks, where it is and the variable that moves it", () => {
  const rows = page.matchAll(
    /^\| `([\w-]+)` +\| ([a-z, ]+?) +\| <?([^|]+?)>? +\| (?:`(\w+)`)? *\|$/gm,
  );
  const listed = [...rows].map(([, ...cells]) => cells.map((cell) => cell ?? ""));
  const upstreams = builtIn.filter(({ answer }) => answer === undefined);
  const served = upstreams.map(({ id, formats, baseUrl, baseUrlEnv = "", isServedWith }) => [
    id,
    formats.join(", "),
    isServedWith === "address" ? "your own resource" : baseUrl,
    baseUrlEnv,
  ]);
  expect(listed).toEqual(served);
});

test("its examples of upstreams are configurations that load, and every upstream in them is served", () => {
  const served = examplesOf("providers").map((yaml) =>
    withConfig(yaml, gatewayKeys, (config) => {
      const overrides = config.get(providersKey);
      const ids = listProviders(overrides, {}, { hasSimulator: false }).map(({ id }) => id);
      expect(ids).toEqual(expect.arrayContaining(Object.keys(overrides)));
      return Object.keys(overrides);
    }),
  );
  expect(served).toEqual([
    ["zai", "openrouter"],
    ["ollama", "vllm", "together"],
    ["azure"],
    ["bedrock"],
    ["vertex"],
    ["github-copilot"],
  ]);
});
