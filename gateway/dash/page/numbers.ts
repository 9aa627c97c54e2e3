// Numbers and times as people read them. All times are UTC, as days and budgets are.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NANO_PER_USD = 1_000_000_000;

const exact = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });
const day = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC",
  dateStyle: "medium",
  timeStyle: "medium",
});

/** All digits. */
export function count(value: number): string {
  return exact.format(value);
}

/** Few digits: 12.3K. */
export function shortCount(value: number): string {
  return value < 10_000 ? exact.format(value) : short.format(value);
}

/** Dollars from nano-dollars: cents, or two digits of what is less than one. */
export function dollars(nanoUsd: number): string {
  const usd = nanoUsd / NANO_PER_USD;
  return `$${usd === 0 || usd >= 0.01 ? cents.format(usd) : small.format(usd)}`;
}

/** Dollars with few digits, for an axis. */
export function shortDollars(nanoUsd: number): string {
  const usd = nanoUsd / NANO_PER_USD;
  return `$${usd >= 1_000 ? short.format(usd) : small.format(usd)}`;
}

/** A share of 1 in per cent, whole; "" of nothing. */
export function share(part: number, whole: number): string {
  return whole === 0 ? "" : `${Math.round((part / whole) * 100)} %`;
}

/** When a bar begins, as finely as bars of that width need it. */
export function bucketName(startMs: number, bucketMs: number): string {
  if (bucketMs < DAY_MS) return hour.format(startMs);
  return bucketMs > DAY_MS ? `week of ${day.format(startMs)}` : day.format(startMs);
}

/** The day of a bar, for an axis; the hour where bars are hours. */
export function axisTime(startMs: number, bucketMs: number): string {
  return bucketMs === HOUR_MS ? hour.format(startMs).split(", ").join(" ") : day.format(startMs);
}

/** A moment to the second. */
export function moment(atMs: number): string {
  return `${clock.format(atMs)} UTC`;
}

const STEPS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

/** The end of an axis: a round number, not much above what is to be shown. */
export function niceTop(max: number): number {
  if (max <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(max));
  const step = STEPS.find((factor) => factor * power >= max) ?? 10;
  return step * power;
}
