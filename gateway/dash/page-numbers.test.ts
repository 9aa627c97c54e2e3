// Numbers as the page writes them.

import { expect, test } from "bun:test";
import {
  axisTime,
  bucketName,
  count,
  dollars,
  moment,
  niceTop,
  share,
  shortCount,
  shortDollars,
} from "./page/numbers.ts";

const AT_MS = Date.UTC(2026, 10, 16, 14, 5, 9);
const HOUR_MS = 3_600_000;

test("counts have all digits in tables and few in tiles", () => {
  expect([count(1_234_567), shortCount(9_999), shortCount(1_234_567)]).toEqual([
    "1,234,567",
    "9,999",
    "1.2M",
  ]);
});

test("dollars have cents, and two digits where there is less than a cent", () => {
  expect([0, 12_345_678_900, 10_000_000, 1_234_567, 5].map(dollars)).toEqual([
    "$0.00",
    "$12.35",
    "$0.01",
    "$0.0012",
    "$0.000000005",
  ]);
  expect([shortDollars(20_000_000_000), shortDollars(1_500_000_000_000)]).toEqual(["$20", "$1.5K"]);
});

test("times are as fine as their bars, and of UTC", () => {
  expect(bucketName(AT_MS, HOUR_MS)).toBe("16 Nov, 14:05");
  expect(bucketName(AT_MS, 24 * HOUR_MS)).toBe("16 Nov");
  expect(bucketName(AT_MS, 7 * 24 * HOUR_MS)).toBe("week of 16 Nov");
  expect([axisTime(AT_MS, HOUR_MS), axisTime(AT_MS, 6 * HOUR_MS)]).toEqual([
    "16 Nov 14:05",
    "16 Nov",
  ]);
  expect(moment(AT_MS)).toBe("16 Nov 2026, 14:05:09 UTC");
});

test("an axis ends at a round number not much above what it shows", () => {
  expect([0, 1, 3, 7, 11, 99, 630, 10_001].map(niceTop)).toEqual([
    2, 2, 3, 8, 15, 100, 800, 15_000,
  ]);
});

test("a share of nothing is not said", () => {
  expect([share(1, 3), share(0, 0)]).toEqual(["33 %", ""]);
});
