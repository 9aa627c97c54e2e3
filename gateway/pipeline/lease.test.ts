// The ladder of keys: the operator's, those of the broker, the environment's.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CredentialSource } from "#broker/client";
import { UpstreamFailed } from "../errors.ts";
import { KeyUnusable } from "../providers/exchange.ts";
import { anthropic } from "../providers/anthropic.ts";
import { openai } from "../providers/openai.ts";
import { describeProvider } from "../providers/operator.ts";
import type { Provider } from "../providers/provider.ts";
import { simulator } from "../providers/simulator.ts";
import { KeyLeases, type KeySources } from "./lease.ts";

const stored = (...keys: string[]): CredentialSource => ({
  entries: () =>
    keys.map((key, index) => ({ id: index + 1, credential: { type: "api_key", key } })),
  fresh: async () => ({ type: "api_key", key: keys.at(-1) ?? "" }),
});

const GRANT = { type: "oauth", refresh: "__remote__", access: "old", expires: 1 } as const;
const granted = (fresh: CredentialSource["fresh"]): CredentialSource => ({
  entries: () => [{ id: 7, credential: GRANT }],
  fresh,
});

function leases(rest: Partial<KeySources> = {}): KeyLeases {
  return new KeyLeases({
    providers: {},
    broker: stored(),
    environmentKeys: new Map(),
    env: {},
    exchanged: { take: () => Promise.reject(new Error("not asked")) },
    ...rest,
  });
}

const environmentKeys = new Map([["anthropic", "from-environment"]]);

async function take(ladder: KeyLeases, provider: Provider, refused?: string) {
  const [account] = ladder.accounts(provider);
  if (!account) throw new Error("there is no account");
  return ladder.take(provider, account, { refused });
}

test("the operator's key comes first, then the broker's, then the environment's", async () => {
  const providers = { anthropic: { apiKey: "LAB_KEY" } };
  const env = { LAB_KEY: "from-config" };
  const all = leases({ providers, env, broker: stored("from-broker"), environmentKeys });
  expect(await take(all, anthropic)).toEqual({ key: "from-config", source: "config" });
  const two = leases({ broker: stored("from-broker"), environmentKeys });
  expect(await take(two, anthropic)).toEqual({
    key: "from-broker",
    source: "broker",
    credentialId: 1,
  });
  expect(await take(leases({ environmentKeys }), anthropic)).toMatchObject({
    source: "environment",
  });
});

test("all stored keys are accounts, keys before logins, and none of another rung among them", () => {
  const broker: CredentialSource = {
    entries: () => [
      { id: 7, credential: GRANT },
      { id: 8, credential: { type: "api_key", key: "k-8" } },
      { id: 9, credential: { type: "api_key", key: "k-9" } },
    ],
    fresh: () => Promise.reject(new Error("not asked")),
  };
  const ladder = leases({ broker, environmentKeys: new Map([["openai", "from-environment"]]) });
  const found = ladder.accounts(openai).map(({ credentialId, isGrant }) => [credentialId, isGrant]);
  expect(found).toEqual([
    [8, false],
    [9, false],
    [7, true],
  ]);
});

test("without any key there is no account, and a provider that needs none has one", async () => {
  expect(leases().hasKey(anthropic)).toBe(false);
  expect(leases().accounts(anthropic)).toEqual([]);
  expect(await take(leases(), simulator)).toEqual({ key: "", source: "none" });
});

test("a key that has gone since it was chosen is no key", async () => {
  const kept: string[] = ["k"];
  const ladder = leases({ broker: { ...stored(), entries: () => stored(...kept).entries("") } });
  const [account] = ladder.accounts(anthropic);
  kept.pop();
  if (!account) throw new Error("there was one");
  await expect(ladder.take(anthropic, account)).rejects.toThrow(UpstreamFailed);
});

test("a key that could not be resolved is tried again on the next request", async () => {
  const env: Record<string, string> = {};
  const ladder = leases({ providers: { anthropic: { apiKey: "LAB_KEY" } }, env });
  await expect(take(ladder, anthropic)).rejects.toThrow("could not be resolved");
  env["LAB_KEY"] = "now-there";
  expect((await take(ladder, anthropic)).key).toBe("now-there");
});

test("a login is used where the provider takes its tokens, renewed first, and nowhere else", async () => {
  const broker = granted(async () => ({ ...GRANT, access: "new" }));
  const ladder = leases({ broker, environmentKeys: new Map([["openai", "from-environment"]]) });
  expect(ladder.hasKey(openai)).toBe(true);
  expect(await take(ladder, openai)).toEqual({ key: "new", source: "broker", credentialId: 7 });
  expect(ladder.hasKey(anthropic)).toBe(false);
});

test("a login whose token was refused is renewed, unless somebody has done so already", async () => {
  let renewals = 0;
  const broker: CredentialSource = {
    ...granted(async () => ({ ...GRANT, access: "stored" })),
    refresh: async () => {
      renewals += 1;
      return { credential: { ...GRANT, access: "renewed" } };
    },
  };
  const ladder = leases({ broker });
  expect((await take(ladder, openai, "older")).key).toBe("stored");
  expect(renewals).toBe(0);
  expect((await take(ladder, openai, "stored")).key).toBe("renewed");
  expect(renewals).toBe(1);
});

test("a login that cannot be renewed is the caller's answer, with whom to ask", async () => {
  const ladder = leases({ broker: granted(() => Promise.reject(new Error("gone"))) });
  const refusal = await take(ladder, openai).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(UpstreamFailed);
  expect(String(refusal)).toContain("auth-broker doctor");
});

test("a command whose key was refused runs again, once for all who were refused with it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-command-"));
  try {
    const [key, runs] = [join(folder, "key"), join(folder, "runs")];
    writeFileSync(key, "old-token");
    writeFileSync(runs, "");
    const apiKey = `!echo >> ${runs}; cat ${key}`;
    const ladder = leases({ providers: { anthropic: { apiKey } } });
    const [account] = ladder.accounts(anthropic);
    if (!account) throw new Error("there is one");
    expect(ladder.canRenew(anthropic, account)).toBe(true);
    expect((await take(ladder, anthropic)).key).toBe("old-token");
    expect((await take(ladder, anthropic, "another")).key).toBe("old-token");
    writeFileSync(key, "new-token");
    const both = [take(ladder, anthropic, "old-token"), take(ladder, anthropic, "old-token")];
    expect((await Promise.all(both)).map((lease) => lease.key)).toEqual(["new-token", "new-token"]);
    expect(readFileSync(runs, "utf8")).toBe("\n\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a literal key, one of the environment and a stored one cannot be renewed", () => {
  const literal = leases({ providers: { anthropic: { apiKey: "sk-literal" } } });
  for (const ladder of [literal, leases({ environmentKeys }), leases({ broker: stored("k") })]) {
    const [account] = ladder.accounts(anthropic);
    expect(account && ladder.canRenew(anthropic, account)).toBe(false);
  }
});

const exchanging = (provider: Provider): Provider => ({
  ...provider,
  exchange: () => Promise.reject(new Error("the test's own is asked")),
});

test("a key that is exchanged is shown as what it was exchanged for, with its headers", async () => {
  const asked: string[] = [];
  const exchanged: KeySources["exchanged"] = {
    take: async (account, { key }) => {
      asked.push(`${account}: ${key}`);
      return { token: "token", headers: { "x-realm": "r" }, endsAtMs: 1 };
    },
  };
  const ladder = leases({ environmentKeys, exchanged });
  expect(await take(ladder, exchanging(anthropic))).toEqual({
    key: "token",
    headers: { "x-realm": "r" },
    source: "environment",
  });
  expect(asked).toEqual(["anthropic environment: from-environment"]);
});

test("a login that cannot be exchanged is renewed once, and then exchanged or refused", async () => {
  const broker: CredentialSource = {
    ...granted(async () => ({ ...GRANT, access: "stored" })),
    refresh: async () => ({ credential: { ...GRANT, access: "renewed" } }),
  };
  const asked: string[] = [];
  const only = (usable: string): KeySources["exchanged"] => ({
    take: async (_account, { key }) => {
      asked.push(key);
      if (key !== usable) throw new KeyUnusable("not this one");
      return { token: `token of ${key}`, endsAtMs: 1 };
    },
  });
  const first = leases({ broker, exchanged: only("renewed") });
  expect((await take(first, exchanging(openai))).key).toBe("token of renewed");
  const never = leases({ broker, exchanged: only("another") });
  await expect(take(never, exchanging(openai))).rejects.toThrow("not this one");
  expect(asked).toEqual(["stored", "renewed", "stored", "renewed"]);
});

test("a login that its provider keeps to its own programs is named as the reason", () => {
  const broker = granted(() => Promise.reject(new Error("not asked")));
  expect(leases({ broker }).nothingFor(anthropic)).toMatchObject({ code: "login_not_usable" });
  expect(leases().nothingFor(anthropic)).toMatchObject({ code: "no_credential" });
});

test("a login that the operator described is used by the operator's upstream of that id", async () => {
  const broker = granted(async () => ({ ...GRANT, access: "house-token" }));
  const house = describeProvider("house", { api: "chat", baseUrl: "http://h/v1" }, undefined);
  const ladder = leases({ broker });
  expect((await take(ladder, house)).key).toBe("house-token");
});
