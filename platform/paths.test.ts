// Where the home directory is, for each way of saying it.

import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { homeConfigFile, homeDirectory } from "./paths.ts";

test("the home directory is .parley in the user's home unless PARLEY_HOME says otherwise", () => {
  expect(homeDirectory({ HOME: "/home/ada" })).toBe("/home/ada/.parley");
  expect(homeDirectory({ HOME: "/home/ada", PARLEY_HOME: "" })).toBe("/home/ada/.parley");
  expect(homeDirectory({ HOME: "/home/ada", PARLEY_HOME: "/srv/p" })).toBe("/srv/p");
});

test("a relative PARLEY_HOME becomes absolute, a quoted tilde the user's home", () => {
  expect(homeDirectory({ PARLEY_HOME: "here" })).toBe(resolve("here"));
  expect(homeDirectory({ HOME: "/home/ada", PARLEY_HOME: "~/p" })).toBe("/home/ada/p");
  expect(homeDirectory({ HOME: "/home/ada", PARLEY_HOME: "~" })).toBe("/home/ada");
});

test("the operator's configuration file is config.yml in the home directory", () => {
  expect(homeConfigFile({ PARLEY_HOME: "/srv/p" })).toBe("/srv/p/config.yml");
});
