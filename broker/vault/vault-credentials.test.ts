// The vault as consumers in the same process see it: current, by provider, without refresh tokens.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Vault } from "./vault.ts";
import { VaultCredentials } from "./vault-credentials.ts";

let home: string;
let vault: Vault;

const refresh = async (id: number): Promise<never> => {
  throw new Error(`asked to refresh ${id}`);
};

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-source-"));
  vault = Vault.open(home);
});

afterEach(() => {
  vault.close();
  rmSync(home, { recursive: true });
});

test("credentials come by provider, oldest first, and none for an unknown one", () => {
  const source = new VaultCredentials(vault, { refresh });
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  vault.upsert("anthropic", { type: "api_key", key: "k-2" });
  vault.upsert("openai", { type: "api_key", key: "k-3" });
  expect(source.entries("openai").map(({ credential }) => credential)).toEqual([
    { type: "api_key", key: "k-1" },
    { type: "api_key", key: "k-3" },
  ]);
  expect(source.entries("constructor")).toEqual([]);
});

test("a key that another process stores counts from the next request", () => {
  const source = new VaultCredentials(vault, { refresh });
  expect(source.entries("openai")).toEqual([]);
  const other = Vault.open(home);
  other.upsert("openai", { type: "api_key", key: "k-1" });
  other.close();
  expect(source.entries("openai")).toHaveLength(1);
});

test("a refresh token is never handed out", () => {
  vault.upsert("p", { type: "oauth", refresh: "canary", access: "a", expires: 1 });
  const handedOut = new VaultCredentials(vault, { refresh }).entries("p");
  expect(JSON.stringify(handedOut)).not.toContain("canary");
  expect(handedOut).toMatchObject([{ credential: { refresh: "__remote__", access: "a" } }]);
});

test("a grant is renewed before it is used, and only when it has run out", async () => {
  const grant = { type: "oauth", refresh: "r-1", access: "a-1", expires: 1_000 } as const;
  const { id } = vault.upsert("openai", grant);
  const renew = async () => {
    const credential = { ...grant, refresh: "r-2", access: "a-2", expires: 9_000 };
    vault.rotate(id, { usedRefresh: "r-1", credential });
    return vault.get(id) ?? expect.unreachable();
  };
  const at = (nowMs: number) =>
    new VaultCredentials(vault, { refresh: renew, nowMs: () => nowMs }).fresh(id);
  expect(await at(999)).toMatchObject({ access: "a-1", refresh: "__remote__" });
  expect(await at(1_000)).toMatchObject({ access: "a-2", refresh: "__remote__" });
});

test("a refused grant is renewed although its time is not over", async () => {
  const grant = { type: "oauth", refresh: "r-1", access: "a-1", expires: 9e12 } as const;
  const { id } = vault.upsert("openai", grant);
  const renewed = vault.get(id);
  if (!renewed) throw new Error("it was stored");
  const renew = async () => ({ ...renewed, credential: { ...grant, access: "a-2" } });
  const answer = await new VaultCredentials(vault, { refresh: renew }).refresh(id);
  expect(answer).toMatchObject({ credential: { access: "a-2", refresh: "__remote__" } });
});

test("a cool-down that is told is among what others read, in whole milliseconds", async () => {
  const source = new VaultCredentials(vault, { refresh });
  const { id } = vault.upsert("openai", { type: "api_key", key: "k-1" });
  const block = { providerKey: "openai", blockScope: "model:m", blockedUntilMs: 9e12 + 0.5 };
  await source.block(id, block);
  expect(source.entries("openai")).toMatchObject([
    { id, blocks: [{ ...block, blockedUntilMs: 9e12 + 1 }] },
  ]);
});
