// Turns: bounded in all and per provider, urgent ones first.

import { expect, test } from "bun:test";
import { MAX_EXCHANGES, MAX_EXCHANGES_PER_PROVIDER, Slots, type Turn } from "./slots.ts";

async function settle(): Promise<void> {
  for (let tick = 0; tick < 10; tick += 1) await Promise.resolve();
}

/** Takes turns and notes who got one, with the way to end it. */
function queue(slots: Slots) {
  const running = new Map<string, () => void>();
  const take = (name: string, provider: string, turn: Turn = { isUrgent: false }) =>
    void slots.take(provider, turn).then((end) => running.set(name, end));
  return { running, take };
}

test("one provider never takes more than its share, and all together never more than all", async () => {
  const slots = new Slots();
  const { running, take } = queue(slots);
  for (let n = 0; n < 40; n += 1) take(`a${n}`, "a");
  await settle();
  expect(running.size).toBe(MAX_EXCHANGES_PER_PROVIDER);
  for (const provider of ["b", "c", "d"])
    for (let n = 0; n < 40; n += 1) take(`${provider}${n}`, provider);
  await settle();
  expect(running.size).toBe(MAX_EXCHANGES);
});

test("who becomes urgent while waiting is next", async () => {
  const slots = new Slots();
  const { running, take } = queue(slots);
  const turn = { isUrgent: false };
  for (let n = 0; n < MAX_EXCHANGES_PER_PROVIDER + 3; n += 1) take(`a${n}`, "a");
  take("late", "a", turn);
  await settle();
  turn.isUrgent = true;
  running.get("a0")?.();
  await settle();
  expect(running.has("late")).toBe(true);
  expect(running.has(`a${MAX_EXCHANGES_PER_PROVIDER}`)).toBe(false);
});

test("closing turns away who waits, and lets finish who runs", async () => {
  const slots = new Slots();
  const runs = Array.from({ length: MAX_EXCHANGES_PER_PROVIDER }, () =>
    slots.take("a", { isUrgent: false }),
  );
  const ends = await Promise.all(runs);
  const waits = slots.take("a", { isUrgent: false });
  slots.close(new Error("closed"));
  await expect(waits).rejects.toThrow("closed");
  for (const end of ends) end();
});
