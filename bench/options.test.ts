// What the command line of the bench takes, and that it says what is wrong with the rest.

import { expect, test } from "bun:test";
import { DEFAULT_ROUNDS, parseOptions } from "./options.ts";
import { parts } from "./parts/index.ts";
import { startersFor } from "./starters.ts";

test("without options everything runs", () => {
  const options = parseOptions([]);
  expect(options).toMatchObject({ rounds: DEFAULT_ROUNDS, parts, isHelp: false });
  expect(options.peersFolder).toBeUndefined();
});

test("a gateway of several workers is measured beside the other when asked for", () => {
  const ids = (args: readonly string[]) => startersFor(parseOptions(args)).map(({ id }) => id);
  expect(ids([])).not.toContain("gateway-x2");
  expect(ids(["--workers", "2"])).toEqual([...ids([]), "gateway-x2"]);
});

test("scenarios can be chosen", () => {
  const { parts: chosen } = parseOptions(["--scenario", "abort", "--scenario", "json"]);
  expect(chosen.map(({ id }) => id)).toEqual(["abort", "json"]);
});

test.each([
  [["--rounds", "0"], '--rounds: expected a whole number above 0, not "0"'],
  [["--workers", "1"], '--workers: expected a whole number from 2 to 64, not "1"'],
  [["--scenario", "sse"], 'there is no "sse"; there are json, json-one'],
  [["--peers", "bench/peers"], "--peers: choose a folder outside"],
  [["--fast"], "--fast"],
])("%p is refused with the reason", (args, reason) => {
  expect(() => parseOptions(args)).toThrow(reason);
});

test("every part has a name of its own", () => {
  const ids = parts.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
