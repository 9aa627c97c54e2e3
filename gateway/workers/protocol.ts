// What the primary and its workers say to each other. Both are of one version, checked at the start, so nothing here
// has to stay as it is.

import { z } from "zod";
import { MetricsSnapshot } from "#platform";
import { Credential, CredentialBlock, UsageReports } from "#wire";
import { BUDGET_WINDOWS, SPOKEN_FORMATS } from "../keys/key-rules.ts";
import { LEDGER_COLUMNS, type LedgerRow } from "../ledger/ledger-row.ts";
import type { Channel, Contract } from "./channel.ts";

const Nothing = z.null();
const Count = z.int().nonnegative();
const NanoUsd = z.int().nonnegative();
const Key = { keyId: z.string(), rotatedAtMs: z.int().nullable() };

/** Kinds of places that are counted over all workers. */
export const PLACE_KINDS = ["requests", "sockets"] as const;
/** One of PLACE_KINDS. */
export type PlaceKind = (typeof PLACE_KINDS)[number];

const Place = z.object({ kind: z.enum(PLACE_KINDS) });

/** A claim on limits and budgets, under the number that its worker gave it. */
export const TakeAsk = z.object({
  ...Key,
  ticket: Count,
  requestId: z.string(),
  format: z.enum(SPOKEN_FORMATS),
  model: z.string(),
  isStream: z.boolean(),
  tokens: z.number().nonnegative(),
  nanoUsd: NanoUsd.nullable(),
});

const Rest = z.object({
  isRefusal: z.boolean(),
  untilMs: z.number(),
  setAtMs: z.number(),
  failures: z.number(),
});
const News = z.union([
  z.object({ key: z.string(), rest: Rest.nullable() }),
  z.object({ session: z.string(), way: z.string() }),
]);

const Held = z.object({
  id: z.int(),
  credential: Credential,
  blocks: z.array(CredentialBlock).optional(),
});
/** The credentials of each provider that has any. */
export const ProviderCredentials = z.record(z.string(), z.array(Held));
/** See the schema. */
export type ProviderCredentials = z.infer<typeof ProviderCredentials>;

const Observed = z.object({
  provider: z.string(),
  model: z.string(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  costUsd: z.number(),
});

// By hand: of all that is said this is said most often, and a schema of its columns costs three times as much.
function isLedgerRow(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return LEDGER_COLUMNS.every((name) => {
    const cell: unknown = Reflect.get(value, name);
    return cell === null || typeof cell === "string" || typeof cell === "number";
  });
}

/** What became of requests, for ledger, access log and broker. */
export const Report = z.object({
  rows: z.array(z.custom<LedgerRow>(isLedgerRow, "expected a row of the ledger")),
  lines: z.array(z.string()),
  uses: z.array(Observed),
  limits: z.array(
    z.object({ credentialId: z.int(), headers: z.array(z.tuple([z.string(), z.string()])) }),
  ),
});
/** See the schema. */
export type Report = z.infer<typeof Report>;

const Sum = z.object({
  group: z.string(),
  requests: z.number(),
  refused: z.number(),
  input: z.number(),
  cacheRead: z.number(),
  cacheWrite: z.number(),
  output: z.number(),
  reasoning: z.number(),
  costNanoUsd: z.number().nullable(),
  unpriced: z.number(),
});
const BudgetState = z.object({
  window: z.enum(BUDGET_WINDOWS),
  limit: z.number().nullable(),
  spent: z.number(),
  reserved: z.number(),
  resetsAtMs: z.exactOptional(z.number()),
});

const Response = { callerId: z.string(), id: z.string() };

/** What the primary answers. */
export const PRIMARY = {
  hello: { asks: z.object({ version: z.string() }), answers: Nothing },
  take: { asks: TakeAsk, answers: Nothing },
  move: { asks: z.object({ ticket: Count, nanoUsd: NanoUsd.nullable() }), answers: Nothing },
  settle: {
    asks: z.object({ ticket: Count, tokens: z.number().nonnegative(), nanoUsd: NanoUsd }),
    answers: Nothing,
  },
  spent: { asks: z.object({ keyId: z.string(), nanoUsd: NanoUsd }), answers: Nothing },
  place: { asks: Place, answers: Count },
  places: { asks: Place.extend({ count: Count }), answers: Nothing },
  usage: {
    asks: z.object({ ...Key, sinceMs: z.number() }),
    answers: z.object({ sums: z.array(Sum), budgets: z.array(BudgetState) }),
  },
  scrape: { asks: Nothing, answers: z.string() },
  report: { asks: Report, answers: Nothing },
  news: { asks: News, answers: Nothing },
  fresh: { asks: z.object({ credentialId: z.int() }), answers: Credential },
  refresh: { asks: z.object({ credentialId: z.int() }), answers: Credential },
  block: { asks: z.object({ credentialId: z.int(), block: CredentialBlock }), answers: Nothing },
  allowances: { asks: Nothing, answers: UsageReports.nullable() },
  getResponse: { asks: z.object(Response), answers: z.string().nullable() },
  putResponse: { asks: z.object({ ...Response, text: z.string() }), answers: Nothing },
  deleteResponse: { asks: z.object(Response), answers: z.boolean() },
  findReasoning: {
    asks: z.object({ callerId: z.string(), callIds: z.array(z.string()) }),
    answers: z.array(z.string().nullable()),
  },
  putReasoning: {
    asks: z.object({ callerId: z.string(), callId: z.string(), text: z.string() }),
    answers: Nothing,
  },
} as const satisfies Contract;

/** What a worker answers. */
export const WORKER = {
  start: {
    asks: z.object({
      /** Its number, for its log. */
      worker: z.int(),
      /** By the names of the gateway's settings. */
      config: z.record(z.string(), z.unknown()),
      log: z.object({
        level: z.enum(["debug", "info", "warn", "error", "silent"]),
        isPretty: z.boolean(),
      }),
      environmentKeys: z.array(z.tuple([z.string(), z.string()])),
      credentials: ProviderCredentials,
      canRefresh: z.boolean(),
      asksAllowances: z.boolean(),
    }),
    answers: z.object({ url: z.string(), providers: z.array(z.string()) }),
  },
  credentials: { asks: ProviderCredentials, answers: Nothing },
  news: { asks: News, answers: Nothing },
  lookAtKeys: { asks: Nothing, answers: Nothing },
  metrics: { asks: Nothing, answers: MetricsSnapshot },
  report: { asks: Nothing, answers: Nothing },
  yieldPlaces: { asks: Place, answers: Count },
  stop: { asks: Nothing, answers: Nothing },
} as const satisfies Contract;

/** A worker's end of the pipe. */
export type ToPrimary = Pick<Channel<typeof WORKER, typeof PRIMARY>, "ask" | "tell">;
