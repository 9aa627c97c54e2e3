// The report: what fails is named once with its detail, and what throws is a failure like any other.

import { expect, test } from "bun:test";
import { CorpusFailed, Report } from "./report.ts";

test("a clean report closes silently", () => {
  const report = new Report();
  report.run("a → chat", () => []);
  expect(() => report.close()).not.toThrow();
  expect(report.count).toBe(1);
});

test("a broken invariant is named by case and invariant, with the first detail", () => {
  const report = new Report();
  report.run("a → chat", () => [
    { invariant: "text", detail: "first" },
    { invariant: "text", detail: "second" },
  ]);
  expect(() => report.close()).toThrow(new CorpusFailed("1 of the corpus:\na → chat: text: first"));
});

test("an exception in a case does not stop the others", () => {
  const report = new Report();
  report.run("a → chat", () => {
    throw new TypeError("no such thing");
  });
  report.run("b → chat", () => [{ invariant: "stop", detail: "end" }]);
  expect(() => report.close()).toThrow(/a → chat: threw: .*no such thing[^]*b → chat: stop: end/);
});

test("a known failure is silent while it fails, and a failure once it holds", () => {
  const known = { "a → chat: stop": "not done" };
  const failing = new Report(known);
  failing.run("a → chat", () => [{ invariant: "stop", detail: "end" }]);
  expect(() => failing.close()).not.toThrow();
  const healed = new Report(known);
  healed.run("a → chat", () => []);
  expect(() => healed.close()).toThrow(/a → chat: stop: holds now/);
});
