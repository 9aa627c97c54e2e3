// What passes between the broker and the child that talks to the token endpoint: a job by standard input, an
// answer by the spool. Refuses an answer of any other shape.

import { z } from "zod";

/** One exchange, complete; holds the refresh token, so it travels by pipe only. */
export interface ExchangeJob {
  readonly attemptId: string;
  /** The spool directory. */
  readonly directory: string;
  /** Seals the answer; base64. */
  readonly spoolKey: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly request: {
    readonly url: string;
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

const receivedAtMs = z.number();

/** What became of the request, unjudged. */
export const ExchangeAnswer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("answered"),
    receivedAtMs,
    status: z.int(),
    contentType: z.string().nullable(),
    retryAfter: z.string().nullable(),
    /** Base64. */
    body: z.string(),
    /** Why the body ended early; null for a whole one. */
    cut: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal("failed"), receivedAtMs, code: z.string() }),
]);
/** What became of the request, unjudged. */
export type ExchangeAnswer = z.infer<typeof ExchangeAnswer>;
