// Betas that a host takes, takes under another name, or does not take.

import { expect, test } from "bun:test";
import { takenBetas, withBetas } from "./taken-betas.ts";

const betas = { "a-1": "a-1", "b-2": "b-3", "b-3": "b-3" };
const asking = (value?: string) =>
  new Headers(value === undefined ? {} : { "anthropic-beta": value });

test("those it takes cross in order and once, under the host's names; the others are named", () => {
  expect(takenBetas(asking("b-2, new-9,a-1,b-3,"), { betas }, "messages")).toEqual({
    value: "b-3,a-1",
    left: ["new-9"],
  });
});

test("where it takes none of them, no header crosses", () => {
  const taken = takenBetas(asking("new-9"), { betas }, "messages");
  expect(taken).toEqual({ left: ["new-9"] });
  expect(withBetas({ accept: "x", "anthropic-beta": "new-9" }, taken ?? { left: [] })).toEqual({
    accept: "x",
  });
});

test("a name that every object has is no beta", () => {
  expect(takenBetas(asking("constructor"), { betas }, "messages")?.left).toEqual(["constructor"]);
});

test("nothing is chosen without the header, in other dialects, or for a host that takes them all", () => {
  expect(takenBetas(asking(), { betas }, "messages")).toBeUndefined();
  expect(takenBetas(asking("a-1"), { betas }, "responses")).toBeUndefined();
  expect(takenBetas(asking("a-1"), {}, "messages")).toBeUndefined();
});
