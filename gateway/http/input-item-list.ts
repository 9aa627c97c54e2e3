// `GET /v1/responses/:id/input_items`: the items that led to a kept response, page by page.

import { z } from "zod";
import { isJsonObject, type Json, type JsonObject } from "#wire";
import { InvalidRequest } from "../errors.ts";
import type { StoredResponse } from "../continuation/response-store.ts";

/** Most items on one page, as OpenAI has it. */
export const MAX_PAGE_ITEMS = 100;
const DEFAULT_PAGE_ITEMS = 20;

const Query = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_ITEMS).default(DEFAULT_PAGE_ITEMS),
  order: z.enum(["asc", "desc"]).default("desc"),
  after: z.string().optional(),
});

/** One page. Throws InvalidRequest for a bad query. */
export function listInputItems(
  { response, input }: StoredResponse,
  query: URLSearchParams,
): JsonObject {
  const parsed = Query.safeParse(Object.fromEntries(query));
  if (!parsed.success) {
    const param = String(parsed.error.issues[0]?.path[0] ?? "limit");
    const message = `${param}: expected limit from 1 to ${MAX_PAGE_ITEMS}, order asc or desc, after an item's id`;
    throw new InvalidRequest(message, { param });
  }
  const { limit, order, after } = parsed.data;
  const items = input.map((item, index) => withId(item, `item_${index}_${response.id}`));
  if (order === "desc") items.reverse();
  const start = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
  const data = items.slice(start, start + limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
    has_more: start + data.length < items.length,
  };
}

/** Items that callers wrote have no ids; a page needs one. */
function withId(item: Json, id: string): JsonObject {
  const own = isJsonObject(item) ? item : { value: item };
  return { type: "message", ...own, id: own["id"] ?? id };
}
