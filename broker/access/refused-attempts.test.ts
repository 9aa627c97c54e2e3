// Failed authentications in the audit log: the first at once, a flood as a handful of records.

import { expect, jest, test } from "bun:test";
import type { AuditEvent } from "./audit-event.ts";
import { MAX_RECORDED_ADDRESSES, RefusedAttempts, SUMMARY_EVERY_MS } from "./refused-attempts.ts";

function listening(): { attempts: RefusedAttempts; events: AuditEvent[] } {
  const events: AuditEvent[] = [];
  return { attempts: new RefusedAttempts((event) => events.push(event)), events };
}

test("the first attempt of an address is recorded at once, the others as one number", () => {
  const { attempts, events } = listening();
  attempts.note({ address: "203.0.113.7", reason: "no usable token", requestId: "r1" });
  expect(events).toEqual([
    {
      actor: "203.0.113.7",
      action: "auth.refused",
      outcome: "refused",
      detail: "no usable token",
      requestId: "r1",
    },
  ]);
  for (let more = 0; more < 500; more += 1) attempts.note({ address: "203.0.113.7", reason: "x" });
  attempts.note({ address: undefined, reason: "x" });
  attempts.sumUp();
  expect(events.slice(1).map(({ actor, detail }) => [actor, detail])).toEqual([
    ["unix", "x"],
    ["203.0.113.7", "500 more within a minute"],
  ]);
  attempts.sumUp();
  expect(events).toHaveLength(3);
});

test("a flood from everywhere makes a bounded number of records, and none of it is uncounted", () => {
  const { attempts, events } = listening();
  const hosts = 10_000;
  for (let round = 0; round < 2; round += 1) {
    for (let host = 0; host < hosts; host += 1)
      attempts.note({ address: `host-${host}`, reason: "x" });
  }
  attempts.sumUp();
  expect(events.length).toBeLessThanOrEqual(2 * MAX_RECORDED_ADDRESSES + 1);
  const counted = events.map(({ detail = "" }) =>
    detail === "x" ? 1 : Number.parseInt(detail, 10),
  );
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(2 * hosts);
});

test("the summary comes by itself after a minute", () => {
  jest.useFakeTimers();
  try {
    const { attempts, events } = listening();
    attempts.note({ address: "::1", reason: "x" });
    attempts.note({ address: "::1", reason: "x" });
    jest.advanceTimersByTime(SUMMARY_EVERY_MS);
    expect(events.map(({ detail }) => detail)).toEqual(["x", "1 more within a minute"]);
    attempts.note({ address: "::1", reason: "again" });
    expect(events.at(-1)?.detail).toBe("again");
    attempts.sumUp();
  } finally {
    jest.useRealTimers();
  }
});
