// What a key may do, as it is stored and as it comes from a command line or an administrator's request: one schema
// for all. Refuses unknown fields, so that a misspelt limit is an error and not no limit.

import { z } from "zod";
import type { SpokenFormatId } from "#wire";
import { MAX_GLOB_CHARS } from "./glob.ts";

/** Most patterns in one list. */
export const MAX_PATTERNS = 256;
/** Most of a budget: what nano-USD can count without rounding, about nine million dollars. */
export const MAX_BUDGET_NANO_USD = Number.MAX_SAFE_INTEGER;

/** The dialects that a rule can name. */
export const SPOKEN_FORMATS = [
  "chat",
  "responses",
  "messages",
  "native",
] as const satisfies readonly SpokenFormatId[];

const Globs = z.array(z.string().min(1).max(MAX_GLOB_CHARS)).max(MAX_PATTERNS);
const Limit = z.int().positive().nullable().default(null);
const Budget = z.int().nonnegative().max(MAX_BUDGET_NANO_USD).nullable().default(null);

/** The windows a budget can be for; day, week (from Monday) and month are those of UTC. */
export const BUDGET_WINDOWS = ["total", "day", "week", "month"] as const;
/** One of BUDGET_WINDOWS. */
export type BudgetWindow = (typeof BUDGET_WINDOWS)[number];

/** The rules of a key; what is left out does not restrict. */
export const KeyRules = z.strictObject({
  /** Globs over `provider/model` and over the bare id; what is denied stays so whatever is allowed. */
  models: z.strictObject({ allow: Globs.default(["*"]), deny: Globs.default([]) }).prefault({}),
  providers: Globs.default(["*"]),
  formats: z.array(z.enum(SPOKEN_FORMATS)).nullable().default(null),
  requestsPerMinute: Limit,
  tokensPerMinute: Limit,
  requestsPerDay: Limit,
  concurrentStreams: Limit,
  /** Hard limits in nano-USD. */
  budgets: z.strictObject({ total: Budget, day: Budget, week: Budget, month: Budget }).prefault({}),
  /** Whether a translation that would lose anything of a request is refused. */
  strict: z.boolean().default(false),
  /** Ids of providers that a credential of the caller's own is forwarded to. */
  transparent: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "expected the id of a provider"))
    .max(MAX_PATTERNS)
    .default([]),
  /** The broker's ids of the credentials it may use; null for any. */
  credentials: z.array(z.int().positive()).max(MAX_PATTERNS).nullable().default(null),
});
/** See the schema. */
export type KeyRules = z.infer<typeof KeyRules>;
