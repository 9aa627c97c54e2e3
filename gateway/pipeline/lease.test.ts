// The ladder of keys: the operator's, the newest of the broker, the environment's.

import { expect, test } from "bun:test";
import type { CredentialSource } from "#broker/client";
import { UpstreamFailed } from "../errors.ts";
import { anthropic } from "../providers/anthropic.ts";
import { openai } from "../providers/openai.ts";
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
    ...rest,
  });
}

const environmentKeys = new Map([["anthropic", "from-environment"]]);

test("the operator's key comes first, then the broker's, then the environment's", async () => {
  const providers = { anthropic: { apiKey: "LAB_KEY" } };
  const env = { LAB_KEY: "from-config" };
  const all = leases({ providers, env, broker: stored("from-broker"), environmentKeys });
  expect(await all.lease(anthropic)).toEqual({ key: "from-config", source: "config" });
  const two = leases({ broker: stored("from-broker"), environmentKeys });
  expect(await two.lease(anthropic)).toEqual({
    key: "from-broker",
    source: "broker",
    credentialId: 1,
  });
  expect(await leases({ environmentKeys }).lease(anthropic)).toMatchObject({
    source: "environment",
  });
});

test("of several stored keys the newest is used", async () => {
  expect((await leases({ broker: stored("old", "new") }).lease(anthropic)).key).toBe("new");
});

test("without any key the caller is told who can help, and a provider that needs none gets none", async () => {
  expect(leases().hasKey(anthropic)).toBe(false);
  await expect(leases().lease(anthropic)).rejects.toThrow(UpstreamFailed);
  expect(await leases().lease(simulator)).toEqual({ key: "", source: "none" });
});

test("a key that could not be resolved is tried again on the next request", async () => {
  const env: Record<string, string> = {};
  const ladder = leases({ providers: { anthropic: { apiKey: "LAB_KEY" } }, env });
  await expect(ladder.lease(anthropic)).rejects.toThrow("could not be resolved");
  env["LAB_KEY"] = "now-there";
  expect((await ladder.lease(anthropic)).key).toBe("now-there");
});

test("a login is used where the provider takes its tokens, renewed first, and nowhere else", async () => {
  const broker = granted(async () => ({ ...GRANT, access: "new" }));
  const ladder = leases({ broker, environmentKeys: new Map([["openai", "from-environment"]]) });
  expect(ladder.hasKey(openai)).toBe(true);
  expect(await ladder.lease(openai)).toEqual({ key: "new", source: "broker", credentialId: 7 });
  expect(ladder.hasKey(anthropic)).toBe(false);
});

test("a login that cannot be renewed is the caller's answer, with whom to ask", async () => {
  const broker = granted(() => Promise.reject(new Error("gone")));
  const refusal = await leases({ broker })
    .lease(openai)
    .catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(UpstreamFailed);
  expect(String(refusal)).toContain("auth-broker doctor");
});
