// What the bench and its load generator say to each other, one JSON line each way. The bytes to send are
// decided by the bench; the generator knows no format.

import { z } from "zod";

/** One measurement: so many clients, each sending its next request when the last answer is complete. */
export const LoadJob = z.strictObject({
  /** `http://host:port`. */
  url: z.url({ protocol: /^http$/ }),
  path: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  connections: z.int().positive(),
  /** No request begins later than this; those begun are awaited. */
  durationMs: z.number().positive(),
  expect: z.strictObject({
    pieces: z.int().nonnegative(),
    endOfText: z.string().optional(),
    terminator: z.string().optional(),
  }),
});
export type LoadJob = z.infer<typeof LoadJob>;

const Quantiles = z.strictObject({ p50: z.number(), p99: z.number() });

/** What came of it; times in milliseconds. */
export const LoadResult = z.strictObject({
  /** Answers that were complete and correct. */
  delivered: z.int(),
  failed: z.int(),
  /** The first failure in words. */
  firstFailure: z.string().optional(),
  elapsedMs: z.number(),
  /** From sending to the first byte of the body. */
  firstByteMs: Quantiles,
  /** From sending to the last byte. */
  totalMs: Quantiles,
});
export type LoadResult = z.infer<typeof LoadResult>;
