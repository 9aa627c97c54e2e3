// A gateway that was pointed at itself.

import { expect, test } from "bun:test";
import { builtInProviders } from "./index.ts";
import { findOwnAddress, withoutVariables } from "./own-address.ts";

const bind = { hostname: "127.0.0.1", port: 4000 };
const find = (url: string, port = bind.port) =>
  findOwnAddress(builtInProviders, { ANTHROPIC_BASE_URL: url }, { ...bind, port });

test("its own address is found under every loopback name", () => {
  for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
    expect(find(`http://${host}:4000/v1`)).toEqual(["ANTHROPIC_BASE_URL"]);
  }
});

test("a variable that names a host without a scheme is looked at too", () => {
  const env = { OLLAMA_HOST: "127.0.0.1:4000" };
  expect(findOwnAddress(builtInProviders, env, bind)).toEqual(["OLLAMA_HOST"]);
});

test("another name of a variable is looked at too, behind the first or alone", () => {
  const own = "http://127.0.0.1:4000/v1";
  const findIn = (env: Record<string, string>) => findOwnAddress(builtInProviders, env, bind);
  expect(findIn({ KIMI_BASE_URL: own })).toEqual(["KIMI_BASE_URL"]);
  expect(findIn({ MOONSHOT_BASE_URL: "https://h/v1", KIMI_BASE_URL: own })).toEqual([
    "KIMI_BASE_URL",
  ]);
});

test("another port, another host and a port not yet known are not it", () => {
  expect(find("http://127.0.0.1:4001")).toEqual([]);
  expect(find("http://10.0.0.1:4000")).toEqual([]);
  expect(find("http://127.0.0.1", 0)).toEqual([]);
  expect(find("nonsense")).toEqual([]);
});

test("a variable that is ignored is gone, the others stay", () => {
  expect(withoutVariables({ A: "1", B: "2" }, ["A"])).toEqual({ B: "2" });
});
