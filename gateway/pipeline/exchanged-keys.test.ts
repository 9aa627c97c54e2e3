// One exchange for each account and key, renewed before its end and when its token was refused.

import { expect, test } from "bun:test";
import { createOutbound } from "#platform";
import type { ExchangedKey, ExchangeKey } from "../providers/exchange.ts";
import { EXCHANGE_MARGIN_MS, ExchangedKeys, MAX_EXCHANGED } from "./exchanged-keys.ts";

const LIFETIME_MS = 3_600_000;

function stage() {
  let nowMs = 0;
  let calls = 0;
  let isDown = false;
  const exchange: ExchangeKey = async (key): Promise<ExchangedKey> => {
    calls += 1;
    const token = `${key}-${calls}`;
    await Bun.sleep(0);
    if (isDown) throw new Error("down");
    return { token, endsAtMs: nowMs + LIFETIME_MS };
  };
  const keys = new ExchangedKeys({ outbound: createOutbound(), nowMs: () => nowMs });
  return {
    take: async (account: string, key: string, refused?: string) =>
      (await keys.take(account, { key, refused, exchange })).token,
    pass: (ms: number) => void (nowMs += ms),
    breakDown: (value: boolean) => void (isDown = value),
    calls: () => calls,
  };
}

test("all who ask at once share one exchange, and later ones its token until shortly before its end", async () => {
  const { take, pass, calls } = stage();
  const together = [take("a", "k"), take("a", "k"), take("a", "k")];
  expect(await Promise.all(together)).toEqual(["k-1", "k-1", "k-1"]);
  pass(LIFETIME_MS - EXCHANGE_MARGIN_MS - 1);
  expect(await take("a", "k")).toBe("k-1");
  pass(1);
  expect(await Promise.all([take("a", "k"), take("a", "k")])).toEqual(["k-2", "k-2"]);
  expect(calls()).toBe(2);
});

test("a refused token is made anew once, for all who were refused with it", async () => {
  const { take, calls } = stage();
  await take("a", "k");
  expect(await Promise.all([take("a", "k", "k-1"), take("a", "k", "k-1")])).toEqual(["k-2", "k-2"]);
  expect(await take("a", "k", "k-1")).toBe("k-2");
  expect(calls()).toBe(2);
});

test("another key of the account, and another account, have tokens of their own", async () => {
  const { take } = stage();
  expect(await take("a", "k")).toBe("k-1");
  expect(await take("b", "k")).toBe("k-2");
  expect(await take("a", "renewed")).toBe("renewed-3");
});

test("a failed exchange is told to all who waited, and forgotten", async () => {
  const { take, breakDown } = stage();
  breakDown(true);
  const both = await Promise.allSettled([take("a", "k"), take("a", "k")]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  breakDown(false);
  expect(await take("a", "k")).toBe("k-2");
});

test("the least recently exchanged are forgotten when there are too many", async () => {
  const { take, calls } = stage();
  for (let at = 0; at <= MAX_EXCHANGED; at += 1) await take(`account ${at}`, "k");
  await take("account 1", "k");
  expect(calls()).toBe(MAX_EXCHANGED + 1);
  await take("account 0", "k");
  expect(calls()).toBe(MAX_EXCHANGED + 2);
});
