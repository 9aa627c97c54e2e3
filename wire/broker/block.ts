// Cool-downs of a credential: one client met a limit, and tells the others through the broker.

import { z } from "zod";
import { MAX_PROVIDER_CHARS } from "./credential.ts";

/** Longest scope of a cool-down, in characters. */
export const MAX_BLOCK_SCOPE_CHARS = 256;

/** One cool-down; times in ms since the epoch. Body of `POST /v1/credential/:id/block`, and part of an entry. */
export const CredentialBlock = z.strictObject({
  providerKey: z.string().min(1).max(MAX_PROVIDER_CHARS),
  blockScope: z.string().max(MAX_BLOCK_SCOPE_CHARS),
  blockedUntilMs: z.number().nonnegative(),
  updatedAtMs: z.number().nonnegative().optional(),
});
/** One cool-down. */
export type CredentialBlock = z.infer<typeof CredentialBlock>;
