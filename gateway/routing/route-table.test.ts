// What an operator may call models, and which ways a name has then.

import { expect, test } from "bun:test";
import { RoutesConfig, RouteTable } from "./route-table.ts";

function table(routes: unknown): RouteTable {
  return new RouteTable(RoutesConfig.parse(routes));
}

function models(routes: unknown, id: string): readonly string[] | undefined {
  return table(routes)
    .find(id)
    ?.map(({ model }) => model);
}

test("an alias goes before any glob, a longer glob before a shorter, and no route is none", () => {
  const routes = {
    "*": [{ model: "c/m" }],
    "gpt-*": [{ model: "b/m" }],
    "gpt-5": [{ model: "a/m" }],
  };
  expect(models(routes, "gpt-5")).toEqual(["a/m"]);
  expect(models(routes, "gpt-4")).toEqual(["b/m"]);
  expect(models(routes, "other")).toEqual(["c/m"]);
  expect(models({ "gpt-*": [{ model: "b/m" }] }, "claude")).toBeUndefined();
  expect(models({}, "constructor")).toBeUndefined();
});

test("what the star matched goes into the target, whatever it is", () => {
  expect(models({ "team/*": [{ model: "openai/*" }] }, "team/gpt-$&")).toEqual(["openai/gpt-$&"]);
  expect(models({ "a*b": [{ model: "x/*" }] }, "ab")).toEqual(["x/"]);
  expect(models({ "a*a": [{ model: "x/m" }] }, "a")).toBeUndefined();
});

test("ways have a rank, and only aliases are listed", () => {
  const found = table({
    best: [{ model: "a/m" }, { model: "b/m", priority: 1, credentials: [3] }],
  });
  expect(found.find("best")).toEqual([
    { model: "a/m", priority: 0, weight: 1 },
    { model: "b/m", priority: 1, weight: 1, credentials: [3] },
  ]);
  expect([...table({ a: [{ model: "a/m" }], "b*": [{ model: "a/m" }] }).aliases.keys()]).toEqual([
    "a",
  ]);
});

test.each([
  { a: [] },
  { "": [{ model: "a/m" }] },
  { "a*b*": [{ model: "a/m" }] },
  { "a b": [{ model: "a/m" }] },
  { a: [{ model: "bare" }] },
  { a: [{ model: "a/m", weight: 0 }] },
  { a: [{ model: "a/m", priority: -1 }] },
  { a: [{ model: "a/m", credentials: [] }] },
  { a: [{ model: "a/m", wieght: 1 }] },
])("%p is refused", (routes) => {
  expect(RoutesConfig.safeParse(routes).success).toBe(false);
});
