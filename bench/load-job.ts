// What the bench and its load generator say to each other, one JSON line each way. The bytes to send are
// decided by the bench; the generator knows no format.

import { z } from "zod";

const request = {
  /** `http://host:port`. */
  url: z.url({ protocol: /^http$/ }),
  path: z.string(),
  headers: z.record(z.string(), z.string()),
  /** Each client writes its number over CLIENT_MARK. */
  body: z.string(),
  expect: z.strictObject({
    pieces: z.int().nonnegative(),
    endOfText: z.string().optional(),
    terminator: z.string().optional(),
  }),
  connections: z.int().positive(),
};

/** So many clients, each sending its next request when the last answer is complete. */
export const ClosedLoopJob = z.strictObject({
  kind: z.literal("closed-loop"),
  ...request,
  /** No request begins later than this; those begun are awaited. */
  durationMs: z.number().positive(),
});
export type ClosedLoopJob = z.infer<typeof ClosedLoopJob>;

/** So many streams at the same time, one for each client. Answered twice: when they have begun, and at their end. */
export const OpenStreamsJob = z.strictObject({
  kind: z.literal("open-streams"),
  ...request,
  /** Clients begin spread over this time; 0 for all at once. */
  rampMs: z.number().nonnegative(),
  /** Streams that have not begun by then count as not started; the first answer is given no later. */
  startWithinMs: z.number().positive(),
  /** Streams that have not ended by then, counted from the first answer, failed. */
  endWithinMs: z.number().positive(),
});
export type OpenStreamsJob = z.infer<typeof OpenStreamsJob>;

/** So many clients that leave before their answer is complete. */
export const AbortJob = z.strictObject({
  kind: z.literal("abort"),
  ...request,
  /** Leave while nothing has come, or once something has. */
  phase: z.enum(["before", "after"]),
  /** How long after sending, or after the first byte, a client leaves. */
  patienceMs: z.number().positive(),
});
export type AbortJob = z.infer<typeof AbortJob>;

/** So many clients that begin to read and then do not go on. Answered when all have begun, and after `holdMs`. */
export const StallJob = z.strictObject({
  kind: z.literal("stall"),
  ...request,
  startWithinMs: z.number().positive(),
  holdMs: z.number().positive(),
});
export type StallJob = z.infer<typeof StallJob>;

export const LoadJob = z.discriminatedUnion("kind", [
  ClosedLoopJob,
  OpenStreamsJob,
  AbortJob,
  StallJob,
]);
export type LoadJob = z.infer<typeof LoadJob>;

/** The part of a job that says what one client sends and expects. */
export type RequestOf = Pick<ClosedLoopJob, "url" | "path" | "headers" | "body" | "expect">;

const Quantiles = z.strictObject({ p50: z.number(), p99: z.number() });

const counts = {
  /** Answers that were complete and correct. */
  delivered: z.int(),
  failed: z.int(),
  /** The first failure in words. */
  firstFailure: z.string().optional(),
};

/** What came of a closed loop; times in milliseconds. */
export const LoadResult = z.strictObject({
  ...counts,
  elapsedMs: z.number(),
  /** From sending to the first byte of the body. */
  firstByteMs: Quantiles,
  /** From sending to the last byte. */
  totalMs: Quantiles,
});
export type LoadResult = z.infer<typeof LoadResult>;

/** How many streams had begun when the time to begin was over, or all were decided. */
export const StreamsStarted = z.strictObject({
  started: z.int(),
  /** Whole answers that were no stream: status → how many. */
  refused: z.record(z.string(), z.int()),
  /** Of those, how many said when to come again. */
  refusedWithRetryAfter: z.int(),
  /** From the first client's beginning to the last stream's first byte. */
  startedInMs: z.number(),
  firstByteMs: Quantiles,
});
export type StreamsStarted = z.infer<typeof StreamsStarted>;

/** What came of open streams in the end; refusals are neither delivered nor failed. */
export const StreamsEnded = z.strictObject(counts);
export type StreamsEnded = z.infer<typeof StreamsEnded>;

/** When each client left, in epoch milliseconds; those missing never came so far. */
export const AbortResult = z.strictObject({
  leftAtMs: z.record(z.string(), z.number()),
  firstFailure: z.string().optional(),
});
export type AbortResult = z.infer<typeof AbortResult>;

/** How many readers have begun and stopped reading, and what they had read by then. */
export const StallResult = z.strictObject({
  stalled: z.int(),
  readBytes: z.int(),
  firstFailure: z.string().optional(),
});
export type StallResult = z.infer<typeof StallResult>;
