// The most tokens that a request can use, from its body and its model: what a hard budget reserves. Errs upwards.

import { type ByteRange, type JsonScan, scanJson } from "#platform";
import type { CatalogModel } from "../models/catalog.ts";

/** Tokens a vendor adds to every request by itself: turn markers, the prompt that explains tools. */
export const ADDED_TOKENS = 1_000;
/** Input of a model whose context window is unknown, where the body points at content instead of holding it. */
export const UNKNOWN_CONTEXT_TOKENS = 2_000_000;
/** Output of a model about which nothing is known, for a request without a limit. */
export const UNKNOWN_OUTPUT_TOKENS = 128_000;
/** The context of Anthropic models when the caller asks for the large one. */
export const LARGE_CONTEXT_TOKENS = 1_000_000;

const LIMITS = [
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "maxOutputTokens",
] as const;
const TIERS = ["service_tier", "serviceTier", "speed"] as const;
const FIELDS = [...LIMITS, "n", ...TIERS];
// Everything else (priority, fast) may cost more than the prices here say.
const STANDARD_TIERS: ReadonlySet<string> = new Set(
  ["auto", "default", "standard", "standard_only", "flex"]
    .map((tier) => `"${tier}"`)
    .concat("null"),
);
// Content that is fetched or remembered elsewhere: the size of the body says nothing about it.
const REFERENCES = [
  '"file_id"',
  '"fileId"',
  '"file_url"',
  '"file_uri"',
  '"image_url"',
  '"previous_response_id"',
  '"conversation"',
  '"container"',
  '"url"',
  // Letters need no escape; who writes them so may be hiding one of the above.
  ...["2", "3", "4", "5", "6", "7"].map((digit) => `\\u00${digit}`),
].map((text) => Buffer.from(text));

/** Tokens in and out. */
export interface TokenBound {
  readonly input: number;
  readonly output: number;
  /** True when the caller asks to be served dearer than the price list says. */
  readonly isDearer?: true;
}

/** What `bytes` can use of the model; every token stands for at least one byte of what the body holds. */
export function boundTokens(
  bytes: Uint8Array,
  { model }: CatalogModel,
  headers: Headers,
): TokenBound {
  const { fields } = scanJson(bytes, { fields: FIELDS });
  const asked = LIMITS.map((name) => numberAt(bytes, fields, name)).filter((n) => n !== undefined);
  const one =
    asked.length > 0 ? Math.max(...asked) : (model.maxOutputTokens ?? UNKNOWN_OUTPUT_TOKENS);
  const answers = numberAt(bytes, fields, "n") ?? 1;
  const isLarge = headers.get("anthropic-beta")?.includes("context-1m") === true;
  const known = isLarge ? LARGE_CONTEXT_TOKENS : model.contextWindow;
  const inBody = bytes.length + ADDED_TOKENS;
  const input = pointsElsewhere(bytes)
    ? (known ?? UNKNOWN_CONTEXT_TOKENS)
    : Math.min(inBody, known ?? inBody);
  const isStandard = TIERS.every((name) => {
    const range = fields.get(name);
    return !range || STANDARD_TIERS.has(textAt(bytes, range));
  });
  return { input, output: one * answers, ...(!isStandard && { isDearer: true }) };
}

function pointsElsewhere(bytes: Uint8Array): boolean {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return REFERENCES.some((reference) => body.includes(reference));
}

/** A positive whole number; anything else the upstream will refuse or ignore. */
function numberAt(bytes: Uint8Array, fields: JsonScan["fields"], name: string): number | undefined {
  const range = fields.get(name);
  if (!range) return undefined;
  const value = Number(textAt(bytes, range));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function textAt(bytes: Uint8Array, { start, end }: ByteRange): string {
  return Buffer.from(bytes.subarray(start, end)).toString("latin1");
}
