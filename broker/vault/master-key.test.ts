// The key file is made once, kept private, and never replaced under a vault that needs the lost one.

import { afterEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MasterKeyError } from "../errors.ts";
import { readMasterKey } from "./master-key.ts";

const homes: string[] = [];

function temporaryHome(): { home: string; key: string; vault: string } {
  const home = mkdtempSync(join(tmpdir(), "parley-key-"));
  homes.push(home);
  return { home, key: join(home, "vault.key"), vault: join(home, "vault.db") };
}

afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true });
});

test("the key is made on first use, 32 bytes, readable by the owner only, and found again", () => {
  const { home, key, vault } = temporaryHome();
  const first = readMasterKey(home, vault);
  expect(first).toHaveLength(32);
  expect(statSync(key).mode & 0o777).toBe(0o600);
  expect(readMasterKey(home, vault)).toEqual(first);
});

test("no new key is made while a vault exists that only the lost one opens", () => {
  const { home, key, vault } = temporaryHome();
  writeFileSync(vault, "");
  expect(() => readMasterKey(home, vault)).toThrow(MasterKeyError);
  expect(existsSync(key)).toBe(false);
});

test("a key file that others can read is refused with the chmod that fixes it", () => {
  const { home, key, vault } = temporaryHome();
  readMasterKey(home, vault);
  chmodSync(key, 0o640);
  expect(() => readMasterKey(home, vault)).toThrow(/chmod 600/);
});

test.each(["", "short", "!".repeat(43), "A".repeat(44)])(
  "a key file with the content %j is refused and left as it is",
  (content) => {
    const { home, key, vault } = temporaryHome();
    writeFileSync(key, content, { mode: 0o600 });
    expect(() => readMasterKey(home, vault)).toThrow(MasterKeyError);
    expect(readFileSync(key, "utf8")).toBe(content);
  },
);
