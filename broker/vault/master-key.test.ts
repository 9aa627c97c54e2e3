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
import { homeMasterKey } from "./key-sources/file.ts";

const homes: string[] = [];

function temporaryHome(): { home: string; key: string } {
  const home = mkdtempSync(join(tmpdir(), "parley-key-"));
  homes.push(home);
  return { home, key: join(home, "vault.key") };
}

afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true });
});

test("the key is made on first use, 32 bytes, readable by the owner only, and found again", () => {
  const { home, key } = temporaryHome();
  const first = homeMasterKey(home).read({ mayCreate: true });
  expect(first).toHaveLength(32);
  expect(statSync(key).mode & 0o777).toBe(0o600);
  expect(homeMasterKey(home).read({ mayCreate: true })).toEqual(first);
});

test("no new key is made while a vault exists that only the lost one opens", () => {
  const { home, key } = temporaryHome();
  expect(() => homeMasterKey(home).read({ mayCreate: false })).toThrow(MasterKeyError);
  expect(existsSync(key)).toBe(false);
});

test("a key file that others can read is refused with the chmod that fixes it", () => {
  const { home, key } = temporaryHome();
  homeMasterKey(home).read({ mayCreate: true });
  chmodSync(key, 0o640);
  expect(() => homeMasterKey(home).read({ mayCreate: true })).toThrow(/chmod 600/);
});

test.each(["", "short", "!".repeat(43), "A".repeat(44)])(
  "a key file with the content %j is refused and left as it is",
  (content) => {
    const { home, key } = temporaryHome();
    writeFileSync(key, content, { mode: 0o600 });
    expect(() => homeMasterKey(home).read({ mayCreate: true })).toThrow(MasterKeyError);
    expect(readFileSync(key, "utf8")).toBe(content);
  },
);
