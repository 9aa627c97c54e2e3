// The two answers that every route of a broker shares: done, and refused.

import { z } from "zod";

/** Answer of a request that changes something and has nothing to tell. */
export const OkAnswer = z.object({ ok: z.literal(true) });
/** Answer of a request that changes something and has nothing to tell. */
export type OkAnswer = z.infer<typeof OkAnswer>;

/**
 * Answer of a refused request, whatever its status. `code` is lower_snake and only on refusals that
 * deployed clients do not know; their errors are `{error}` alone.
 */
export const ErrorAnswer = z.object({ error: z.string(), code: z.string().optional() });
/** Answer of a refused request. */
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;
