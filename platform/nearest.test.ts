// Suggestions help with typing errors and stay silent for anything else.

import { expect, test } from "bun:test";
import { nearest } from "./nearest.ts";

const KNOWN = ["server.bind", "server.maxBytes", "log.level"];

test("a typing error finds its name, whatever the case", () => {
  expect(nearest("server.bnid", KNOWN)).toBe("server.bind");
  expect(nearest("SERVER.MAXBYTES", KNOWN)).toBe("server.maxBytes");
});

test("a name like no other has no suggestion", () => {
  expect(nearest("colour", KNOWN)).toBeUndefined();
  expect(nearest("ab", ["xy"])).toBeUndefined();
  expect(nearest("anything", [])).toBeUndefined();
});

test("a hostile name of a megabyte costs nothing", () => {
  expect(nearest("x".repeat(1_000_000), KNOWN)).toBeUndefined();
});
