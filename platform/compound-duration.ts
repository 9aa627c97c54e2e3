// Lengths of time as headers and reports write them: `6m0s`, `1h30m`, `250ms`. Refuses bare numbers, whose unit only the
// reader of the header knows, and lengths too long to be meant.

/** Longest text that is read, in characters. */
const MAX_CHARS = 64;
const COMPOUND = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+$/;
const PART = /([\d.]+)(ms|s|m|h|d)/g;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The length in ms; undefined for anything else. */
export function readCompoundDuration(text: string): number | undefined {
  if (text.length > MAX_CHARS || !COMPOUND.test(text)) return undefined;
  let ms = 0;
  for (const [, count = "", unit = ""] of text.matchAll(PART)) {
    ms += Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  }
  return ms;
}
