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

const Page = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_MODELS).default(MAX_PAGE_MODELS),
  after_id: z.string().optional(),
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

/** The whole list, OpenAI's shape. */
export function openaiList(models: readonly CatalogModel[]): JsonObject {
  return { object: "list", data: models.map(openaiModel) };
}

/** One page, Anthropic's shape. Throws InvalidRequest for a bad `limit`. */
export function anthropicList(models: readonly CatalogModel[], query: URLSearchParams): JsonObject {
  const page = Page.safeParse(Object.fromEntries(query));
  if (!page.success) {
    const message = `limit: expected a whole number from 1 to ${MAX_PAGE_MODELS}`;
    throw new InvalidRequest(message, { param: "limit" });
  }
  const after = models.findIndex((model) => model.id === page.data.after_id);
  const rest = models.slice(after + 1);
  const data = rest.slice(0, page.data.limit).map(anthropicModel);
  return {
    data,
    has_more: rest.length > data.length,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
  };
}
