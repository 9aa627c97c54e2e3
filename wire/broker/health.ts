// Whether a broker answers, and which version it is; the only answer that is given without a token.

import { z } from "zod";

/** Answer of `GET /v1/healthz`. */
export const BrokerHealth = z.object({
  ok: z.literal(true),
  version: z.string().optional(),
});
/** Answer of `GET /v1/healthz`. */
export type BrokerHealth = z.infer<typeof BrokerHealth>;
