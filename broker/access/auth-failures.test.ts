// The limiter against a plain model of its rule, and its addresses.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  addressGroup,
  AuthFailures,
  FAILURE_WINDOW_MS,
  MAX_ADDRESSES,
  MAX_FAILURES,
} from "./auth-failures.ts";

test("ten failures a minute are answered, more are told how long to wait, and no longer for asking", () => {
  let nowMs = 0;
  const failures = new AuthFailures({ nowMs: () => nowMs });
  for (let failure = 0; failure < MAX_FAILURES; failure += 1) {
    expect(failures.fail("203.0.113.7")).toBeUndefined();
    nowMs += 1_000;
  }
  expect(failures.fail("203.0.113.7")).toBe(50_000);
  for (let more = 0; more < 1_000; more += 1) failures.fail("203.0.113.7");
  expect(failures.fail("203.0.113.8")).toBeUndefined();
  nowMs = FAILURE_WINDOW_MS - 1;
  expect(failures.fail("203.0.113.7")).toBe(1);
  nowMs = FAILURE_WINDOW_MS;
  expect(failures.fail("203.0.113.7")).toBeUndefined();
  expect(failures.fail("203.0.113.7")).toBe(1_000);
});

test("in no minute, wherever it begins, are more than ten failures of an address answered", () => {
  const attempts = fc.array(
    fc.record({ address: fc.constantFrom("10.0.0.1", "10.0.0.2"), afterMs: fc.nat(20_000) }),
    { maxLength: 120 },
  );
  fc.assert(
    fc.property(attempts, (sequence) => {
      let nowMs = 0;
      const failures = new AuthFailures({ nowMs: () => nowMs });
      const answered: { address: string; atMs: number }[] = [];
      for (const { address, afterMs } of sequence) {
        nowMs += afterMs;
        const before = answered.filter(
          (one) => one.address === address && one.atMs > nowMs - FAILURE_WINDOW_MS,
        );
        const waitMs = failures.fail(address);
        expect(waitMs === undefined).toBe(before.length < MAX_FAILURES);
        if (waitMs === undefined) answered.push({ address, atMs: nowMs });
        else expect(waitMs).toBe((before[0]?.atMs ?? 0) + FAILURE_WINDOW_MS - nowMs);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("waiting as long as one was told is enough", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10_000), { minLength: 11, maxLength: 60 }), (gaps) => {
      let nowMs = 0;
      const failures = new AuthFailures({ nowMs: () => nowMs });
      for (const gap of gaps) {
        nowMs += gap;
        const waitMs = failures.fail("::1");
        if (waitMs === undefined) continue;
        expect(waitMs).toBeGreaterThan(0);
        expect(waitMs).toBeLessThanOrEqual(FAILURE_WINDOW_MS);
        nowMs += waitMs;
        expect(failures.fail("::1")).toBeUndefined();
      }
    }),
  );
});

test("a flood from ever new addresses is forgotten, oldest first, and others keep their count", () => {
  const failures = new AuthFailures({ nowMs: () => 0 });
  const flood = (from: number, count: number) => {
    for (let index = from; index < from + count; index += 1) failures.fail(`host-${index}`);
  };
  for (let failure = 0; failure < MAX_FAILURES; failure += 1) failures.fail("192.0.2.1");
  flood(0, MAX_ADDRESSES - 1);
  expect(failures.fail("192.0.2.1")).toBe(FAILURE_WINDOW_MS);
  flood(MAX_ADDRESSES, MAX_ADDRESSES - 1);
  expect(failures.fail("192.0.2.1")).toBe(FAILURE_WINDOW_MS);
  flood(3 * MAX_ADDRESSES, MAX_ADDRESSES);
  expect(failures.fail("192.0.2.1")).toBeUndefined();
});

describe("one address is", () => {
  const groups: readonly (readonly [string | undefined, string])[] = [
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::FFFF:203.0.113.7", "203.0.113.7"],
    ["::1", "0:0:0:0::/64"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::9", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b::192.0.2.33", "64:ff9b:0:0::/64"],
    ["1:2:3:4:5:6:192.0.2.33", "1:2:3:4::/64"],
    [undefined, "unix"],
    ["", "unix"],
  ];
  test.each(groups)("%j: %s", (address, group) => {
    expect(addressGroup(address)).toBe(group);
  });

  test("of bounded length, whatever it says", () => {
    expect(addressGroup("x".repeat(10_000)).length).toBeLessThanOrEqual(64);
  });

  test("the same for every host of a /64, and another for the next", () => {
    const hextet = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
    const four = fc.tuple(hextet, hextet, hextet, hextet);
    fc.assert(
      fc.property(four, four, four, (network, host, other) => {
        const group = addressGroup([...network, ...host].join(":"));
        expect(addressGroup([...network, ...other].join(":"))).toBe(group);
        const isSameNetwork = network.join(":") === other.join(":");
        expect(addressGroup([...other, ...host].join(":")) === group).toBe(isSameNetwork);
      }),
    );
  });
});
