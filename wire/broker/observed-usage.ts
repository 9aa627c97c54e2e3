// What clients have seen themselves use, counted per provider and model: the batches they upload, and
// what the broker adds up per client. Counts and names only; no prompt, no key, no caller.

import { z } from "zod";
import { ProviderId } from "./credential.ts";

/** Most entries in one upload. */
export const MAX_OBSERVED_ENTRIES = 1_000;
/** Longest model name in an upload, in characters. */
export const MAX_MODEL_CHARS = 256;

const count = z.int().nonnegative();

const counts = {
  requests: count,
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  costUsd: z.number().nonnegative(),
};

/** What one client used of one model since its last upload; `at` in ms since the epoch. */
export const ObservedUsageEntry = z.object({
  at: z.number().nonnegative(),
  provider: ProviderId,
  model: z.string().min(1).max(MAX_MODEL_CHARS),
  ...counts,
});
/** What one client used of one model since its last upload. */
export type ObservedUsageEntry = z.infer<typeof ObservedUsageEntry>;

/** Body of `POST /v1/usage/observed`. */
export const ObservedUsageUpload = z.strictObject({
  installId: z.string().regex(/^[\x21-\x7e]{1,128}$/, "must be 1 to 128 printable characters"),
  hostname: z.string().max(255).optional(),
  app: z.string().max(64).optional(),
  entries: z.array(ObservedUsageEntry).max(MAX_OBSERVED_ENTRIES),
});
/** Body of `POST /v1/usage/observed`. */
export type ObservedUsageUpload = z.infer<typeof ObservedUsageUpload>;

/** One client, by its install id, with what it used of each provider; times in ms since the epoch. */
export const UsageClient = z.object({
  installId: z.string(),
  hostname: z.string().optional(),
  firstSeen: z.number(),
  lastSeen: z.number(),
  providers: z.array(z.object({ app: z.string().optional(), provider: z.string(), ...counts })),
});
/** One client, with what it used of each provider. */
export type UsageClient = z.infer<typeof UsageClient>;

/** Answer of `GET /v1/usage/clients`. */
export const UsageClients = z.object({
  generatedAt: z.number(),
  clients: z.array(UsageClient),
});
/** Answer of `GET /v1/usage/clients`. */
export type UsageClients = z.infer<typeof UsageClients>;
