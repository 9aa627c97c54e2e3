// Patterns over model and provider ids: `*` is any text, case does not count. Taken apart instead of made a RegExp,
// so that a pattern with many stars costs linear time.

/** Longest pattern, in characters. */
export const MAX_GLOB_CHARS = 256;

/** True when one of the patterns covers the text. */
export function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matches(pattern.toLowerCase(), text.toLowerCase()));
}

function matches(pattern: string, text: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop();
  if (tail === undefined) return text === pattern;
  if (!text.startsWith(head)) return false;
  let from = head.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return text.length - tail.length >= from && text.endsWith(tail);
}
