// Paths as descriptors write them, over JSON as strangers write it.

import { describe, expect, test } from "bun:test";
import { textAt, valueAt } from "./json-path.ts";

const claims = {
  email: "a@b.example",
  "https://api.example/auth": { account_id: "acc-1", plans: [{ name: "pro" }] },
  nested: { deep: { n: 7, empty: "", no: null } },
};

test("dots descend, brackets hold a key with dots, digits index an array", () => {
  expect(valueAt(claims, "email")).toBe("a@b.example");
  expect(valueAt(claims, "nested.deep.n")).toBe(7);
  expect(valueAt(claims, "[https://api.example/auth].account_id")).toBe("acc-1");
  expect(valueAt(claims, "[https://api.example/auth].plans.0.name")).toBe("pro");
});

describe("nothing is found", () => {
  test.each([
    "absent",
    "email.length",
    "nested.deep.no.more",
    "constructor",
    "__proto__",
    "nested.__proto__.constructor",
    "[https://api.example/auth].plans.length",
    "[https://api.example/auth].plans.1.name",
  ])("at %s", (path) => {
    expect(valueAt(claims, path)).toBeUndefined();
  });

  test.each([[null], [7], ["text"], [[]], [undefined], [true]])("in %p", (root) => {
    expect(valueAt(root, "a.b")).toBeUndefined();
  });
});

test("text is text or a whole number, never an object, a fraction or nothing", () => {
  expect(textAt(claims, "nested.deep.n")).toBe("7");
  expect(textAt(claims, "email")).toBe("a@b.example");
  expect(textAt(claims, "nested.deep.empty")).toBeUndefined();
  expect(textAt(claims, "nested.deep")).toBeUndefined();
  expect(textAt({ a: 1.5 }, "a")).toBeUndefined();
});
