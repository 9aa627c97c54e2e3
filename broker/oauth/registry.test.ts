// From config.yml to providers: what an operator may write, what happens to it, and what is said when it is wrong.

import { afterAll, describe, expect, test } from "bun:test";
import { ConfigError, loadConfig } from "#platform";
import * as fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brokerKeys } from "../config.ts";
import { ProviderDescriptor } from "./descriptor.ts";
import { isClient, OperatorProviders } from "./operator-providers.ts";
import { builtInProviders } from "./providers/index.ts";
import { openRegistry } from "./registry.ts";

const home = mkdtempSync(join(tmpdir(), "parley-registry-"));
const file = join(home, "config.yml");
afterAll(() => rmSync(home, { recursive: true }));

function configOf(providers: unknown) {
  // fast-check cannot make these names, because the tests run with frozen prototypes.
  const text = JSON.stringify({ auth: { providers } })
    .replaceAll("_constructor_", "constructor")
    .replaceAll("_proto_", "__proto__");
  writeFileSync(file, text);
  return loadConfig({ keys: brokerKeys, env: { PARLEY_HOME: home }, cwd: home });
}

function problemOf(providers: unknown): string {
  try {
    configOf(providers);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("nothing was wrong");
}

/** A login of the operator's own, described whole. */
const whole = {
  name: "House models",
  apiKey: { variables: ["HOUSE_KEY"], page: "https://house.test/keys" },
  oauth: {
    policy: { status: "sanctioned", reason: "It is ours.", link: "https://house.test" },
    source: "our wiki",
    asksFor: "your name",
    flow: {
      kind: "code",
      clientId: "house-client",
      clientSecret: "HOUSE_SECRET",
      authorizeUrl: "https://house.test/authorize",
      tokenUrl: "https://house.test/token",
      redirect: { host: "localhost", port: 0, path: "/callback" },
    },
  },
};

describe("the registry", () => {
  test("without configuration holds what ships, in the order of its list", () => {
    const all = openRegistry(configOf({})).all();
    expect(all.map(({ descriptor }) => descriptor)).toEqual([...builtInProviders()]);
    expect(new Set(all.map(({ origin }) => origin))).toEqual(new Set(["built-in"]));
    expect(openRegistry(configOf({})).find("constructor")).toBeUndefined();
  });

  test("gives a provider that asks for it the operator's client, and changes nothing else", () => {
    const client = { clientId: "our-app", clientSecret: "GITLAB_APP_SECRET" };
    const registry = openRegistry(configOf({ "gitlab-duo": client }));
    const shipped = builtInProviders().find(({ id }) => id === "gitlab-duo");
    const expected = structuredClone(shipped);
    Object.assign(expected?.oauth?.flow ?? {}, client);
    expect(registry.find("gitlab-duo")).toEqual({
      descriptor: ProviderDescriptor.parse(expected),
      origin: "operator-client",
    });
    expect(shipped?.oauth?.flow).not.toHaveProperty("clientId");
  });

  test("takes a whole description in the place of ours, and new ones at the end", () => {
    const registry = openRegistry(configOf({ anthropic: whole, house: whole }));
    const mine = ProviderDescriptor.parse({ ...whole, id: "anthropic" });
    expect(registry.find("anthropic")).toEqual({ descriptor: mine, origin: "operator" });
    expect(registry.find("anthropic")?.descriptor.usage).toBeUndefined();
    const ids = registry.all().map(({ descriptor }) => descriptor.id);
    expect(ids.indexOf("anthropic")).toBe(
      builtInProviders().findIndex(({ id }) => id === "anthropic"),
    );
    expect(ids.at(-1)).toBe("house");
  });
});

describe("an entry that no login could use is refused where it is written:", () => {
  test.each([
    ["an unknown key", { xai: { clientID: "x" } }, "unknown key auth.providers.xai.clientID"],
    ["its likely name", { xai: { clientID: "x" } }, "did you mean clientId?"],
    ["an empty entry", { xai: {} }, "auth.providers.xai: give your clientId"],
    ["a secret alone", { xai: { clientSecret: "s" } }, "auth.providers.xai: give your clientId"],
    ["an unknown provider", { xia: { clientId: "x" } }, "auth.providers.xia: no such provider"],
    ["no login there", { groq: { clientId: "x" } }, "this provider has no login, only API keys"],
    ["a client not asked for", { openrouter: { clientId: "x" } }, "needs none of yours"],
    ["a restricted login", { anthropic: { clientId: "x" } }, "does not permit third-party apps"],
    ["where that is written", { anthropic: { clientId: "x" } }, "code.claude.com"],
    ["a dead login", { qwen: { clientId: "x" } }, "is discontinued"],
    ["a strange id", { "Not An Id": whole }, "lower-case"],
    ["no name", { house: { apiKey: whole.apiKey } }, "auth.providers.house.name: a provider"],
    ["no way in", { house: { name: "House" } }, "needs apiKey, oauth or both"],
    ["two places", { house: { ...whole, clientId: "x" } }, "belongs into oauth.flow.clientId"],
    [
      "plain http",
      { house: { ...whole, oauth: flowWith({ tokenUrl: "http://house.test/token" }) } },
      "auth.providers.house.oauth.flow.tokenUrl: must be https",
    ],
    [
      "no client id",
      { house: { ...whole, oauth: flowWith({ clientId: undefined }) } },
      "auth.providers.house.oauth.flow.clientId: a login described whole needs its client id",
    ],
    [
      "an unknown flow",
      { house: { ...whole, oauth: flowWith({ kind: "password" }) } },
      "auth.providers.house.oauth.flow",
    ],
    [
      "an unknown key inside",
      { house: { ...whole, oauth: flowWith({ scope: "a" }) } },
      "unknown key auth.providers.house.oauth.flow.scope",
    ],
  ])("%s", (_what, providers, message) => {
    expect(problemOf(providers)).toContain(message);
    expect(problemOf(providers)).toContain("config.yml:1");
  });
});

test("listings show a secret of the operator's nowhere", () => {
  const secret = "canary-of-the-operator";
  const providers = {
    "gitlab-duo": { clientId: "c", clientSecret: secret },
    house: { ...whole, oauth: flowWith({ clientSecret: secret }) },
  };
  expect(JSON.stringify(configOf(providers).list())).not.toContain("canary");
});

test("a project's file may set none of it", () => {
  expect(brokerKeys.find(({ name }) => name === "auth.providers")?.project).toBe("refused");
});

/** Stands where an operator's secret belongs. */
const SECRET = "canary-5d0c";

/** Entries of `auth.providers`, mostly almost right. */
function entries(): fc.Arbitrary<unknown> {
  const wrong = fc.oneof(
    fc.constant(undefined),
    fc.dictionary(fc.constantFrom("a", "kind", "_constructor_", "_proto_"), fc.integer()),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.double(),
    fc.string(),
    fc.constantFrom("", "https://a.test", "http://a.test", "code", "device", 0, -1, null, [], {}),
  );
  const secretOr = fc.oneof(
    fc.constantFrom(SECRET, [SECRET], { value: SECRET }, undefined),
    fc.constant(undefined),
  );
  const mostly = (value: unknown) =>
    fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: wrong });
  const flow = fc.record(
    {
      ...mapped(whole.oauth.flow, mostly),
      clientSecret: secretOr,
      kind: mostly("code"),
      deviceUrl: wrong,
      extra: wrong,
    },
    { requiredKeys: [] },
  );
  const oauth = fc.record(
    {
      ...mapped(whole.oauth, mostly),
      flow: fc.oneof(flow, wrong),
      response: wrong,
      refresh: wrong,
    },
    { requiredKeys: [] },
  );
  const entry = fc.record(
    {
      name: mostly("House"),
      apiKey: mostly(whole.apiKey),
      oauth: fc.oneof(oauth, wrong),
      usage: wrong,
      clientId: mostly("c"),
      clientSecret: secretOr,
      [`x${"y".repeat(3)}`]: wrong,
    },
    { requiredKeys: [] },
  );
  const client = fc.record({ clientId: mostly("c"), clientSecret: secretOr });
  const almost = fc
    .tuple(mostly(whole.name), mostly(whole.apiKey), fc.oneof(flow, wrong), secretOr, fc.nat(3))
    .map(([name, apiKey, oddFlow, clientSecret, kind]) => ({
      name,
      apiKey,
      oauth:
        kind === 0
          ? flowWith({})
          : kind === 1
            ? { ...whole.oauth, flow: oddFlow }
            : flowWith({ clientSecret }),
    }));
  return fc.oneof(client, almost, entry, wrong);
}

test("whatever is written in the file, the outcome is providers or a configuration error without the secret", () => {
  const id = fc.constantFrom("gitlab-duo", "anthropic", "house", "_constructor_", "_proto_");
  const section = fc
    .array(fc.tuple(id, entries()), { maxLength: 2 })
    .map((pairs) => Object.fromEntries(pairs));
  let usable = 0;
  fc.assert(
    fc.property(section, (providers) => {
      try {
        const config = configOf(providers);
        const { length } = openRegistry(config).all();
        expect(length).toBeGreaterThanOrEqual(builtInProviders().length);
        expect(JSON.stringify(config.list())).not.toContain(SECRET);
        if (Object.keys(providers).length > 0) usable += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect(String(error)).not.toContain(SECRET);
      }
    }),
    { numRuns: 2_000 },
  );
  expect(usable).toBeGreaterThan(50);
}, 60_000);

test("whatever one entry is, its schema decides, and what it accepts is a provider", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom("gitlab-duo", "house", "qwen"), entries(), (id, entry) => {
      const result = OperatorProviders.safeParse({ [id]: entry });
      expect(JSON.stringify(result.error?.issues ?? [])).not.toContain(SECRET);
      const provider = result.data?.[id];
      if (provider === undefined) return;
      accepted += 1;
      if (isClient(provider)) return;
      expect(ProviderDescriptor.safeParse({ ...provider, id }).success).toBe(true);
    }),
    { numRuns: 4_500 },
  );
  expect(accepted).toBeGreaterThan(300);
}, 60_000);

function flowWith(changes: Readonly<Record<string, unknown>>) {
  return { ...whole.oauth, flow: { ...whole.oauth.flow, ...changes } };
}

function mapped<T>(record: Readonly<Record<string, unknown>>, map: (value: unknown) => T) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
