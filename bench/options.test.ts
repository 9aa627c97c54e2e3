// What the command line of the bench takes, and that it says what is wrong with the rest.

import { expect, test } from "bun:test";
import { DEFAULT_ROUNDS, parseOptions } from "./options.ts";
import { scenarios } from "./scenarios.ts";

test("without options everything runs", () => {
  expect(parseOptions([])).toMatchObject({ rounds: DEFAULT_ROUNDS, scenarios, isHelp: false });
});

test("scenarios can be chosen", () => {
  const { scenarios: chosen } = parseOptions(["--scenario", "translate", "--scenario", "json"]);
  expect(chosen.map(({ id }) => id)).toEqual(["translate", "json"]);
});

test.each([
  [["--rounds", "0"], '--rounds: expected a whole number above 0, not "0"'],
  [["--scenario", "sse"], 'there is no "sse"; there are json, json-one'],
  [["--fast"], "--fast"],
])("%p is refused with the reason", (args, reason) => {
  expect(() => parseOptions(args)).toThrow(reason);
});
