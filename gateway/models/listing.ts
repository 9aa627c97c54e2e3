// `GET /v1/models` in the two dialects that have it; which one is the caller's to choose, by sending
// `anthropic-version` or not. Lists only models that can be used now.

import { z } from "zod";
import type { JsonObject } from "#wire";
import { InvalidRequest } from "../errors.ts";
import type { CatalogModel } from "./catalog.ts";

/** Most models on one Anthropic page, as the vendor has it. */
export const MAX_PAGE_MODELS = 1_000;

// The vendor documents this date for models whose release date is unknown; ours are not tracked.
const UNKNOWN_DATE = "1970-01-01T00:00:00Z";

// Anthropic's own default is 20; a client that asks for none here wants the models it may use.
const DEFAULT_PAGE_MODELS = MAX_PAGE_MODELS;

const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_MODELS).optional(),
  after_id: z.string().optional(),
  before_id: z.string().optional(),
});

/** One model as OpenAI's API shows it, with what the catalog knows besides. */
export function openaiModel({ id, provider, model }: CatalogModel): JsonObject {
  return {
    id,
    object: "model",
    created: 0,
    owned_by: provider.id,
    display_name: model.name ?? model.id,
    ...(model.contextWindow !== undefined && { context_length: model.contextWindow }),
    ...(model.maxOutputTokens !== undefined && { max_output_tokens: model.maxOutputTokens }),
    ...(model.input && { input_modalities: [...model.input] }),
  };
}

/** One model as Anthropic's API shows it. */
export function anthropicModel({ id, model }: CatalogModel): JsonObject {
  return {
    type: "model",
    id,
    display_name: model.name ?? model.id,
    created_at: UNKNOWN_DATE,
    ...(model.contextWindow !== undefined && { max_input_tokens: model.contextWindow }),
    ...(model.maxOutputTokens !== undefined && { max_tokens: model.maxOutputTokens }),
  };
}

/** The list in OpenAI's shape: whole, or its first `limit`. Throws InvalidRequest for a bad `limit`. */
export function openaiList(models: readonly CatalogModel[], query: URLSearchParams): JsonObject {
  const { limit } = readPage(query);
  return { object: "list", data: models.slice(0, limit).map(openaiModel) };
}

/** One page, Anthropic's shape. Throws InvalidRequest for a bad `limit`, and for two cursors at once. */
export function anthropicList(models: readonly CatalogModel[], query: URLSearchParams): JsonObject {
  const { limit = DEFAULT_PAGE_MODELS, after_id: after, before_id: before } = readPage(query);
  if (after !== undefined && before !== undefined) {
    const message = "before_id: give either after_id or before_id, not both";
    throw new InvalidRequest(message, { param: "before_id" });
  }
  const page =
    before === undefined ? pageAfter(models, after, limit) : pageBefore(models, before, limit);
  const data = page.models.map(anthropicModel);
  return {
    data,
    has_more: page.hasMore,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
  };
}

interface Page {
  readonly models: readonly CatalogModel[];
  /** More of them lie in the direction of the cursor. */
  readonly hasMore: boolean;
}

function pageAfter(
  models: readonly CatalogModel[],
  after: string | undefined,
  limit: number,
): Page {
  const rest = models.slice(after === undefined ? 0 : indexOf(models, after, "after_id") + 1);
  return { models: rest.slice(0, limit), hasMore: rest.length > limit };
}

function pageBefore(models: readonly CatalogModel[], before: string, limit: number): Page {
  const rest = models.slice(0, indexOf(models, before, "before_id"));
  return { models: rest.slice(-limit), hasMore: rest.length > limit };
}

/** Throws InvalidRequest for a cursor that is no model: a page from elsewhere would repeat or skip some. */
function indexOf(models: readonly CatalogModel[], id: string, param: string): number {
  const index = models.findIndex((model) => model.id === id);
  if (index !== -1) return index;
  throw new InvalidRequest(`${param}: no model "${id}" is listed here`, { param });
}

function readPage(query: URLSearchParams): z.infer<typeof PageQuery> {
  const page = PageQuery.safeParse(Object.fromEntries(query));
  if (page.success) return page.data;
  const message = `limit: expected a whole number from 1 to ${MAX_PAGE_MODELS}`;
  throw new InvalidRequest(message, { param: "limit" });
}
