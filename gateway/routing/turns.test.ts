// Who serves how often.

import { expect, test } from "bun:test";
import { type Contender, MIN_SHARE, Turns } from "./turns.ts";

function served(rounds: number, contenders: readonly [Contender, ...Contender[]]): string {
  const turns = new Turns();
  return Array.from({ length: rounds }, () => turns.take(contenders, 0).key).join("");
}

const one = (key: string, rest: Partial<Contender> = {}): Contender => ({
  key,
  weight: 1,
  headroom: undefined,
  ...rest,
});

function count(text: string, key: string): number {
  return text.split(key).length - 1;
}

test("equals take turns", () => {
  expect(served(6, [one("a"), one("b"), one("c")])).toBe("abcabc");
});

test("a weight is a share, spread evenly", () => {
  expect(served(8, [one("a", { weight: 3 }), one("b")])).toBe("aabaaaba");
});

test("who has little left serves little, but never nothing; unknown is the average", () => {
  const text = served(1_000, [one("a", { headroom: 0.9 }), one("b", { headroom: 0 }), one("c")]);
  expect(count(text, "b")).toBeGreaterThan(5);
  expect(count(text, "b")).toBeLessThan(1_000 * MIN_SHARE);
  expect(count(text, "a")).toBeGreaterThan(count(text, "c") * 1.8);
});
