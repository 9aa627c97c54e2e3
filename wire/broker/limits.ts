// What providers say about their limits in the headers of an answer, handed back by the client that saw it.

import { z } from "zod";
import { withoutInheritedKeys } from "./credential.ts";

/** Most headers in one report. */
export const MAX_LIMIT_HEADERS = 64;
/** Longest header value in a report, in characters. */
export const MAX_LIMIT_VALUE_CHARS = 1_024;

/** Body of `POST /v1/credential/:id/limits`: header names in lower case. */
export const LimitsUpload = z.strictObject({
  headers: withoutInheritedKeys
    .pipe(z.record(z.string().regex(/^[a-z0-9_-]{1,128}$/), z.string().max(MAX_LIMIT_VALUE_CHARS)))
    .refine((headers) => Object.keys(headers).length <= MAX_LIMIT_HEADERS, {
      message: `must not hold more than ${MAX_LIMIT_HEADERS} headers`,
    }),
});
/** Body of `POST /v1/credential/:id/limits`. */
export type LimitsUpload = z.infer<typeof LimitsUpload>;
