// A refusal that is told again while its account rests: the same status and words, the wait as it is by now, and nothing
// of the request that it was first given to.

import { UpstreamFailed, type GatewayError } from "../errors.ts";
import { UpstreamRefused } from "../pipeline/dispatch.ts";
import type { Remembered } from "./failover.ts";

const OF_THE_FIRST_REQUEST =
  /^(?:x-request-id|request-id|x-upstream-request-id|retry-after-ms|openai-processing-ms)$/;

/** The refusal as it is true now. */
export function asOfNow({ error, untilMs }: Remembered, nowMs: number): GatewayError {
  const kept = Object.entries(error.headers).filter(([name]) => !OF_THE_FIRST_REQUEST.test(name));
  const headers = {
    ...Object.fromEntries(kept),
    "retry-after": String(Math.max(1, Math.ceil((untilMs - nowMs) / 1_000))),
  };
  if (!(error instanceof UpstreamRefused)) return new UpstreamFailed(error.failure, { headers });
  const { format, status, body } = error;
  return new UpstreamRefused(error.failure, { format, status, body, headers });
}
