// A sealed value opens under its key, at its place, unaltered, or not at all.

import { describe, expect, test } from "bun:test";
import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";
import { SealBroken } from "../errors.ts";
import { IndexKey, Seal, type SealPlace } from "./seal.ts";

const key = randomBytes(32);
const seal = new Seal(key);
const place: SealPlace = { table: "credentials", rowId: 7, column: "sealed" };

describe("a sealed value", () => {
  test("opens to the same text, whatever the text", () => {
    for (const text of ["", "k", "ключ 🔑", "x".repeat(100_000)]) {
      expect(seal.open(seal.seal(text, place), place)).toBe(text);
    }
  });

  test("is different each time, so that equal secrets do not look equal", () => {
    expect(seal.seal("k", place)).not.toEqual(seal.seal("k", place));
  });

  test("does not open after any single byte was changed, and the error holds no part of it", () => {
    const sealed = seal.seal("canary-secret", place);
    for (let index = 0; index < sealed.length; index++) {
      const altered = Uint8Array.from(sealed);
      altered[index] = 255 - (altered[index] ?? 0);
      const error = caught(() => seal.open(altered, place));
      expect(error).toBeInstanceOf(SealBroken);
      expect(`${error.message} ${error.fix}`).not.toContain("canary");
    }
  });

  test("does not open when it was cut short, at any length", () => {
    const sealed = seal.seal("k", place);
    for (let length = 0; length < sealed.length; length++) {
      expect(() => seal.open(sealed.subarray(0, length), place)).toThrow(SealBroken);
    }
  });

  test("does not open in another table, row or column", () => {
    const sealed = seal.seal("k", place);
    const others = [{ table: "other" }, { rowId: 8 }, { column: "other" }];
    for (const other of others) {
      expect(() => seal.open(sealed, { ...place, ...other })).toThrow(SealBroken);
    }
  });

  test("does not open under another master key", () => {
    expect(() => new Seal(randomBytes(32)).open(seal.seal("k", place), place)).toThrow(SealBroken);
  });
});

test("a value sealed again for another master key opens under that one, and no longer under the first", () => {
  const next = new Seal(randomBytes(32));
  const rewrapped = seal.rewrap(seal.seal("k", place), place, next);
  expect(next.open(rewrapped, place)).toBe("k");
  expect(() => seal.open(rewrapped, place)).toThrow(SealBroken);
  expect(() => seal.rewrap(rewrapped, place, next)).toThrow(SealBroken);
});

test("a value sealed by the release before data keys still opens", () => {
  const direct = new Uint8Array(hkdfSync("sha256", key, "", "parley/vault/seal/1", 32));
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", direct, iv);
  cipher.setAAD(Buffer.from("1|credentials|7|sealed"));
  const body = Buffer.concat([cipher.update("k"), cipher.final()]);
  const sealed = Buffer.concat([Buffer.of(1), iv, cipher.getAuthTag(), body]);
  expect(seal.open(sealed, place)).toBe("k");
  const next = new Seal(randomBytes(32));
  expect(next.open(seal.rewrap(sealed, place, next), place)).toBe("k");
});

test("a fingerprint is stable under one key and unrelated under another", () => {
  const index = new IndexKey(key);
  expect(index.fingerprint("k")).toEqual(new IndexKey(key).fingerprint("k"));
  expect(index.fingerprint("k")).not.toEqual(index.fingerprint("l"));
  expect(index.fingerprint("k")).not.toEqual(new IndexKey(randomBytes(32)).fingerprint("k"));
  expect(index.derive("audit")).not.toEqual(index.derive("spool"));
});

function caught(run: () => unknown): SealBroken {
  try {
    run();
  } catch (error) {
    if (error instanceof SealBroken) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
