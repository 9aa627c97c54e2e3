// One finished request, as the access log keeps it: who asked for what, which ways were tried, how it ended. Holds
// nothing of a prompt or an answer, and no key.

import { z } from "zod";
import { FAILURE_KINDS } from "#wire";
import { ENDPOINTS } from "../providers/endpoint.ts";
import type { Settlement } from "../pipeline/settlement.ts";

/** Most decisions kept of one request; the rest is counted. */
export const MAX_TRAIL_ENTRIES = 60;
/** Longest decision kept, in characters. */
export const MAX_TRAIL_CHARS = 300;

const Tokens = z.int().nonnegative();

const AttemptRecord = z.object({
  model: z.string(),
  provider: z.string(),
  upstreamModel: z.string(),
  format: z.string(),
  keySource: z.string(),
  credentialId: z.int().optional(),
  beganMs: z.number(),
  decidedMs: z.number().optional(),
  upstreamRequestId: z.string().optional(),
  failure: z
    .object({
      kind: z.enum(FAILURE_KINDS),
      code: z.string(),
      status: z.int().optional(),
      reason: z.string().optional(),
    })
    .optional(),
});

/** A record of the access log. */
export const AccessRecord = z.object({
  requestId: z.string(),
  clientRequestId: z.string().optional(),
  traceId: z.string().optional(),
  caller: z.object({ id: z.string(), name: z.string() }),
  /** The caller's dialect. */
  format: z.string(),
  /** Absent for an answer. */
  endpoint: z.enum(ENDPOINTS).optional(),
  isStream: z.boolean(),
  /** Model id as the caller wrote it. */
  asked: z.string(),
  outcome: z.enum(["completed", "failed", "cut", "client_gone", "refused"]),
  /** HTTP status to the caller. */
  status: z.int(),
  code: z.string().optional(),
  /** Ms since the epoch. */
  startedAtMs: z.number(),
  firstByteMs: z.number().optional(),
  elapsedMs: z.number(),
  usage: z
    .object({
      input: Tokens,
      output: Tokens,
      cacheRead: Tokens,
      cacheWrite: Tokens,
      reasoning: Tokens.optional(),
      serviceTier: z.string().optional(),
      isEstimated: z.boolean().optional(),
    })
    .optional(),
  trail: z.array(z.string()),
  attempts: z.array(AttemptRecord),
});

/** A record of the access log. */
export type AccessRecord = z.infer<typeof AccessRecord>;

/** What is kept of a settlement; JSON-ready. */
export function accessRecord(settlement: Settlement): object {
  const { caller, trail, trace, model: _model, ...kept } = settlement;
  return {
    ...kept,
    ...(trace && { traceId: trace.traceId }),
    caller: { id: caller.id, name: caller.name },
    trail: boundTrail(trail),
  };
}

function boundTrail(trail: readonly string[]): readonly string[] {
  const kept = trail.slice(0, MAX_TRAIL_ENTRIES).map((entry) => entry.slice(0, MAX_TRAIL_CHARS));
  const left = trail.length - kept.length;
  return left > 0 ? [...kept, `… and ${left} more`] : kept;
}
