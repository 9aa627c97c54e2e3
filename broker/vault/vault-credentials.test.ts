// The vault as consumers in the same process see it: current, by provider, without refresh tokens.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Vault } from "./vault.ts";
import { VaultCredentials } from "./vault-credentials.ts";

let home: string;
let vault: Vault;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-source-"));
  vault = Vault.open(home);
});

afterEach(() => {
  vault.close();
  rmSync(home, { recursive: true });
});

test("credentials come by provider, oldest first, and none for an unknown one", () => {
  const source = new VaultCredentials(vault);
  vault.upsert("openai", { type: "api_key", key: "k-1" });
  vault.upsert("anthropic", { type: "api_key", key: "k-2" });
  vault.upsert("openai", { type: "api_key", key: "k-3" });
  expect(source.credentials("openai")).toEqual([
    { type: "api_key", key: "k-1" },
    { type: "api_key", key: "k-3" },
  ]);
  expect(source.credentials("constructor")).toEqual([]);
});

test("a key that another process stores counts from the next request", () => {
  const source = new VaultCredentials(vault);
  expect(source.credentials("openai")).toEqual([]);
  const other = Vault.open(home);
  other.upsert("openai", { type: "api_key", key: "k-1" });
  other.close();
  expect(source.credentials("openai")).toHaveLength(1);
});

test("a refresh token is never handed out", () => {
  vault.upsert("p", { type: "oauth", refresh: "canary", access: "a", expires: 1 });
  const handedOut = new VaultCredentials(vault).credentials("p");
  expect(JSON.stringify(handedOut)).not.toContain("canary");
  expect(handedOut).toEqual([{ type: "oauth", refresh: "__remote__", access: "a", expires: 1 }]);
});
