// What is read off a schema: how text is understood, what is secret, and the words for what was
// expected.

import { describe, expect, test } from "bun:test";
import type { Json } from "#wire";
import { z } from "zod";
import { type AnyConfigKey, defineKey } from "./config-key.ts";
import {
  description,
  expectation,
  findSetting,
  isRecord,
  isSecretAt,
  propertyNamesAt,
  readText,
  redactValue,
  shapeOf,
  shapesAt,
} from "./config-shape.ts";
import { Secret } from "./secret.ts";

function keyOf(schema: z.ZodType, isSecret = false): AnyConfigKey {
  return defineKey({
    name: "a.b",
    schema,
    default: undefined,
    doc: "",
    project: "refused",
    isSecret,
  });
}

describe("text is read as the kind the schema expects", () => {
  test.each<[string, z.ZodType, string, Json]>([
    ["text stays text, also digits", z.string(), "42", "42"],
    ["a number", z.number(), "-1.5e3", -1500],
    ["hexadecimal is no number", z.number(), "0x10", "0x10"],
    ["nothing is no number", z.number(), " ", " "],
    ["a boolean", z.boolean(), "ON", true],
    ["a digit where numbers are expected", z.number(), "1", 1],
    ["a boolean beside words", z.union([z.boolean(), z.enum(["auto"])]), "false", false],
    ["a word beside booleans", z.union([z.boolean(), z.enum(["auto"])]), "auto", "auto"],
    ["a list by commas", z.array(z.string()), "a, b,,c", ["a", "b", "c"]],
    ["a list of numbers", z.array(z.number()), "1,2", [1, 2]],
    ["a list in brackets", z.array(z.string()), "[a, 'b,c']", ["a", "b,c"]],
    ["an empty list", z.array(z.string()), "[]", []],
    ["a map", z.record(z.string(), z.number()), "{ a: 1 }", { a: 1 }],
    ["a broken map", z.record(z.string(), z.number()), "{ a: ", "{ a: "],
    ["an optional number", z.number().optional(), "3", 3],
    ["a transformed text", z.string().transform((text) => text.length), "abc", "abc"],
  ])("%s", (_title, schema, text, expected) => {
    expect(readText(shapeOf(keyOf(schema)), text)).toEqual(expected);
  });
});

describe("secrets", () => {
  const leaf = z.string().meta({ writeOnly: true });
  const map = keyOf(z.record(z.string(), z.object({ token: leaf.optional(), url: z.string() })));

  test("a marked leaf is secret wherever the map puts it, its neighbours are not", () => {
    expect(isSecretAt(map, ["any", "token"])).toBe(true);
    expect(isSecretAt(map, ["any", "url"])).toBe(false);
    expect(isSecretAt(map, [])).toBe(false);
  });

  test("redaction keeps the structure", () => {
    const value = { a: { token: "canary", url: "u" }, b: { url: "v" } };
    expect(redactValue(map, value)).toEqual({
      a: { token: "[secret]", url: "u" },
      b: { url: "v" },
    });
  });

  test("a mark on one branch of a union, on the union, or on an enclosing object hides the value", () => {
    expect(redactValue(keyOf(z.union([leaf, z.number()])), "canary")).toBe("[secret]");
    expect(
      redactValue(keyOf(z.union([z.string(), z.number()]).meta({ writeOnly: true })), "canary"),
    ).toBe("[secret]");
    const whole = keyOf(
      z.object({ inside: z.object({ x: z.string() }).meta({ writeOnly: true }) }),
    );
    expect(redactValue(whole, { inside: { x: "canary" } })).toEqual({ inside: "[secret]" });
    expect(isSecretAt(whole, ["inside", "x"])).toBe(true);
  });

  test("a secret setting is a marker when set and nothing when not", () => {
    expect(redactValue(keyOf(z.string(), true), "canary")).toBe("[secret]");
    expect(redactValue(keyOf(z.string().optional(), true), undefined)).toBeNull();
  });

  test("a Secret that a forgetful definition does not mark still prints as a marker", () => {
    expect(redactValue(keyOf(z.array(z.unknown())), [new Secret("canary")])).toEqual(["[secret]"]);
  });
});

describe("words", () => {
  test.each<[z.ZodType, string]>([
    [z.string(), "text"],
    [z.url(), "a URL"],
    [z.int().min(1).max(65_535), "an integer from 1 to 65535"],
    [z.int().min(0), "an integer of at least 0"],
    [z.number().max(1), "a number of at most 1"],
    [z.boolean(), "true or false"],
    [z.enum(["fast", "slow"]), '"fast" or "slow"'],
    [z.array(z.int()), "a list of an integer"],
    [z.record(z.string(), z.boolean()), "a map of names to true or false"],
    [z.union([z.literal("off"), z.int().min(1)]), '"off" or an integer of at least 1'],
    [z.strictObject({ a: z.string() }), "a mapping"],
    [z.unknown(), "another value"],
  ])("%#", (schema, expected) => {
    expect(expectation(shapesAt(shapeOf(keyOf(schema)), []))).toBe(expected);
  });

  test("a found value is quoted up to a length, and never when secret", () => {
    expect(description("x".repeat(500), { isSecret: false }).length).toBeLessThan(80);
    expect(description("canary", { isSecret: true })).toBe("a text");
    expect(description(["canary"], { isSecret: true })).toBe("a list");
    expect(description(null, { isSecret: false })).toBe("nothing");
  });
});

describe("paths", () => {
  const key = keyOf(
    z.record(z.string(), z.strictObject({ url: z.string(), tags: z.array(z.string()) })),
  );

  test("a name may go on inside a map, but only where the schema has something", () => {
    expect(findSetting([key], "a.b")).toEqual({ key, inner: [] });
    expect(findSetting([key], "a.b.main.url")).toEqual({ key, inner: ["main", "url"] });
    expect(findSetting([key], "a.b.main.ulr")).toBeUndefined();
    expect(findSetting([key], "a.bc")).toBeUndefined();
    expect(findSetting([key], "a")).toBeUndefined();
    expect(findSetting([key], "a.b.main.__proto__")).toBeUndefined();
  });

  test("property names are known inside a map's entries", () => {
    expect(propertyNamesAt(shapeOf(key), ["whatever"])).toEqual(["url", "tags"]);
  });

  test("a map of free names merges, an object of fixed ones does not", () => {
    expect(isRecord(shapeOf(key))).toBe(true);
    expect(isRecord(shapeOf(keyOf(z.strictObject({ a: z.string() }))))).toBe(false);
  });
});
