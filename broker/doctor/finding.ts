// What an examination of a broker finds, one thing at a time. Holds no secret.

/** One finding; `fix` is one sentence for the operator. */
export interface Finding {
  readonly name: string;
  readonly status: "ok" | "warning" | "failed";
  readonly detail: string;
  readonly fix?: string;
}

const DAY_MS = 86_400_000;

/** How much time is left, in words: `3 days`, `5 hours`, `under an hour`. */
export function timeLeft(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${Math.floor(ms / DAY_MS)} days`;
  const hours = Math.floor(ms / 3_600_000);
  if (hours >= 2) return `${hours} hours`;
  return hours === 1 ? "an hour" : "under an hour";
}
