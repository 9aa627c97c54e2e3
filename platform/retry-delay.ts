// How long to wait before trying again: longer after each failure, up to a cap, and never at the same moment
// as everybody else. Refuses to wait by itself; the caller knows what may interrupt it.

/** The shape of a back-off; both in ms. */
export interface RetryDelayOptions {
  /** After the first failure; each further one doubles it. */
  readonly firstMs: number;
  /** The longest, before jitter. */
  readonly maxMs: number;
  /** From 0 to 1; injected by tests. */
  readonly random?: () => number;
}

// Doubling further changes nothing: any cap is reached by then.
const MAX_DOUBLINGS = 52;

/** The pause in whole ms after so many failures in a row (0 none), with a jitter of ±25 %. */
export function retryDelayMs(
  failures: number,
  { firstMs, maxMs, random = Math.random }: RetryDelayOptions,
): number {
  if (failures < 1) return 0;
  const ms = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS));
  return Math.round(ms * (0.75 + random() / 2));
}
