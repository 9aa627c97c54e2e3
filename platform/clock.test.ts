// The steady clock against every way in which a wall clock misbehaves.

import { expect, test } from "bun:test";
import { array, assert, boolean, integer, property, record, tuple } from "fast-check";
import { DEFAULT_SETTLE_MS, MAX_WALL_DRIFT_MS, SteadyClock, systemClock } from "./clock.ts";

const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

/** A machine whose wall clock is set by hand. */
class Machine {
  elapsedMs = 0;
  offByMs = 0;
  readonly jumps: number[] = [];
  readonly clock = new SteadyClock({
    source: {
      nowMs: () => START_MS + this.elapsedMs + this.offByMs,
      monotonicMs: () => 1000 + this.elapsedMs,
    },
    onJump: ({ byMs }) => void this.jumps.push(byMs),
  });

  /** Steady time since the start, without what passed. */
  get moved(): number {
    return this.clock.nowMs() - START_MS - this.elapsedMs;
  }
}

const magnitude = integer({ min: MAX_WALL_DRIFT_MS + 1, max: 100 * HOUR_MS });
const jump = tuple(magnitude, boolean()).map(([ms, isBack]) => (isBack ? -ms : ms));

test("the system's monotonic clock counts milliseconds", () => {
  const monotonicStartMs = systemClock.monotonicMs();
  const startMs = performance.now();
  while (performance.now() - startMs < 5);
  const passedMs = systemClock.monotonicMs() - monotonicStartMs;
  expect(passedMs).toBeGreaterThan(4.9);
  expect(passedMs).toBeLessThan(1000);
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
});

test("a steady clock on a healthy machine is the wall clock", () => {
  const clock = new SteadyClock();
  expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(1000);
  expect(Number.isInteger(clock.nowMs())).toBe(true);
  expect(clock.monotonicMs()).toBeGreaterThan(0);
});

test("jumps that are taken back before they settle never move steady time, each is reported once", () => {
  const excursion = record({
    byMs: jump,
    looks: array(integer({ min: 0, max: DEFAULT_SETTLE_MS / 10 - 1 }), {
      minLength: 1,
      maxLength: 10,
    }),
    calmMs: integer({ min: 0, max: HOUR_MS }),
    driftMs: integer({ min: -MAX_WALL_DRIFT_MS, max: MAX_WALL_DRIFT_MS }),
  });
  assert(
    property(array(excursion, { maxLength: 20 }), (excursions) => {
      const machine = new Machine();
      for (const { byMs, looks, calmMs, driftMs } of excursions) {
        machine.offByMs = byMs;
        for (const passMs of looks) {
          expect(machine.moved).toBe(0);
          machine.elapsedMs += passMs;
        }
        machine.offByMs = driftMs;
        expect(machine.moved).toBe(0);
        machine.elapsedMs += calmMs;
        expect(machine.moved).toBe(0);
      }
      expect(machine.jumps).toEqual(excursions.map(({ byMs }) => byMs));
    }),
  );
});

test("a jump that lasts is reported once and adopted exactly once, when it has settled", () => {
  const looks = array(integer({ min: 1, max: DEFAULT_SETTLE_MS }), {
    minLength: 1,
    maxLength: 30,
  });
  assert(
    property(jump, looks, looks, (byMs, before, after) => {
      const machine = new Machine();
      machine.offByMs = byMs;
      expect(machine.moved).toBe(0);
      for (const passMs of before) {
        machine.elapsedMs += passMs;
        expect(machine.moved).toBe(machine.elapsedMs < DEFAULT_SETTLE_MS ? 0 : byMs);
      }
      machine.elapsedMs += DEFAULT_SETTLE_MS;
      for (const passMs of after) {
        expect(machine.moved).toBe(byMs);
        machine.elapsedMs += passMs;
      }
      expect(machine.jumps).toEqual([byMs]);
    }),
  );
});

test("a jump that changes while it settles begins anew, without a second report", () => {
  const machine = new Machine();
  machine.offByMs = 2 * HOUR_MS;
  expect(machine.moved).toBe(0);
  machine.elapsedMs += DEFAULT_SETTLE_MS - 1;
  machine.offByMs = -HOUR_MS;
  expect(machine.moved).toBe(0);
  machine.elapsedMs += DEFAULT_SETTLE_MS - 1;
  expect(machine.moved).toBe(0);
  machine.elapsedMs += 1;
  expect(machine.moved).toBe(-HOUR_MS);
  expect(machine.jumps).toEqual([2 * HOUR_MS]);
});

test("a wall clock that runs ten times too fast is never believed", () => {
  const machine = new Machine();
  for (let step = 0; step < 10_000; step++) {
    machine.elapsedMs += 4000;
    machine.offByMs = 9 * machine.elapsedMs;
    expect(machine.moved).toBe(0);
  }
  expect(machine.jumps).toHaveLength(1);
});

test("after an adopted jump the next one is reported again", () => {
  const machine = new Machine();
  for (const byMs of [HOUR_MS, -HOUR_MS]) {
    machine.offByMs += byMs;
    machine.clock.nowMs();
    machine.elapsedMs += DEFAULT_SETTLE_MS;
    machine.clock.nowMs();
  }
  expect(machine.moved).toBe(0);
  expect(machine.jumps).toEqual([HOUR_MS, -HOUR_MS]);
});
