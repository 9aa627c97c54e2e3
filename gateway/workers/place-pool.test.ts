// Places that several workers share: never more than there are, and nobody refused while one is free anywhere.

import { describe, expect, test } from "bun:test";
import { LeasedPlaces } from "./leased-places.ts";
import { PlacePool, portionOf } from "./place-pool.ts";

function share(max: number, workers: number) {
  const portion = portionOf(max, workers);
  const pool = new PlacePool({ max, portion });
  return Array.from({ length: workers }, () => {
    const holder = { yieldPlaces: async () => places.yield() };
    const places: LeasedPlaces = new LeasedPlaces({
      max,
      keep: 2 * portion,
      ask: () => pool.lease(holder),
      giveBack: (count) => pool.giveBack(holder, count),
    });
    pool.add(holder);
    return { places, leave: () => pool.remove(holder) };
  });
}

type Entered = () => void;

async function enter(places: LeasedPlaces): Promise<Entered | "refused"> {
  return Promise.try(() => places.enter()).catch(() => "refused" as const);
}

describe.each([1, 2, 7, 40, 2_000])("of %d places", (max) => {
  test("every one is taken, and no more, however the requests fall on the workers", async () => {
    const workers = share(max, 3);
    for (let round = 0; round < 3; round += 1) {
      const asked = Array.from({ length: max + 20 }, (_, index) => {
        const { places } = workers[(index * 7 + round) % 3] ?? workers[0] ?? fail();
        return enter(places);
      });
      const entered = (await Promise.all(asked)).filter((one) => one !== "refused");
      expect(entered).toHaveLength(max);
      expect(workers.reduce((sum, { places }) => sum + places.count, 0)).toBe(max);
      for (const leave of entered) leave();
      // Given back once, however often it is said.
      for (const leave of entered) leave();
    }
    expect(workers.reduce((sum, { places }) => sum + places.count, 0)).toBe(0);
  });

  test("all can be taken at one worker", async () => {
    const [, last] = share(max, 2);
    const all = Array.from({ length: max + 1 }, () => enter((last ?? fail()).places));
    expect((await Promise.all(all)).filter((one) => one === "refused")).toHaveLength(1);
  });
});

test("a place that is given back goes to whoever waits, without another question", async () => {
  let asked = 0;
  const answers: PromiseWithResolvers<number>[] = [];
  const places = new LeasedPlaces({
    max: 9,
    keep: 1,
    ask: () => {
      asked += 1;
      const answer = Promise.withResolvers<number>();
      answers.push(answer);
      return answer.promise;
    },
    giveBack: () => {},
  });
  const first = enter(places);
  answers[0]?.resolve(1);
  const leave = await first;
  const second = enter(places);
  if (leave !== "refused") leave();
  expect(await second).not.toBe("refused");
  expect(asked).toBe(2);
});

test("what a worker held that is gone is free for the others", async () => {
  const [gone, left] = share(8, 2);
  if (!gone || !left) fail();
  for (let count = 0; count < 8; count += 1) await enter(gone.places);
  expect(await enter(left.places)).toBe("refused");
  gone.leave();
  expect(await enter(left.places)).not.toBe("refused");
});

test("a worker that does not answer keeps what it holds, and nobody waits for it for ever", async () => {
  const pool = new PlacePool({ max: 1, portion: 1 });
  const silent = { yieldPlaces: () => new Promise<number>(() => {}) };
  const other = { yieldPlaces: async () => 0 };
  pool.add(silent);
  pool.add(other);
  expect(await pool.lease(silent)).toBe(1);
  expect(await pool.lease(other)).toBe(0);
});

function fail(): never {
  throw new Error("there are workers");
}
