// Taking a credential out of service, and what remains of it: a tombstone without secrets.

import { z } from "zod";
import { ProviderId } from "./credential.ts";

/** Longest cause that is recorded, in characters. */
export const MAX_CAUSE_CHARS = 4_096;

/** Body of `POST /v1/credential/:id/disable`; an absent body counts as `{}`. */
export const DisableRequest = z.strictObject({ cause: z.string().max(MAX_CAUSE_CHARS).optional() });
/** Body of `POST /v1/credential/:id/disable`. */
export type DisableRequest = z.infer<typeof DisableRequest>;

/** What is left of a disabled credential; times in ms since the epoch. */
export const DisabledCredential = z.object({
  id: z.int().positive(),
  provider: ProviderId,
  type: z.enum(["api_key", "oauth"]),
  cause: z.string(),
  disabledAtMs: z.number().optional(),
  email: z.string().optional(),
  accountId: z.string().optional(),
});
/** What is left of a disabled credential. */
export type DisabledCredential = z.infer<typeof DisabledCredential>;

/** Answer of `GET /v1/credentials/disabled`. */
export const DisabledCredentials = z.object({
  generatedAt: z.number(),
  disabled: z.array(DisabledCredential),
});
/** Answer of `GET /v1/credentials/disabled`. */
export type DisabledCredentials = z.infer<typeof DisabledCredentials>;
