// `GET /v1/models` and one of them, in the dialect the caller speaks. Asks only those upstreams that nobody else
// knows the models of, and says which of them did not answer.

import { formats } from "../formats/index.ts";
import type { ModelCatalog } from "../models/catalog.ts";
import { anthropicList, anthropicModel, openaiList, openaiModel } from "../models/listing.ts";
import type { Call, Route } from "./route.ts";

/** The list and its members. */
export function modelRoutes(catalog: ModelCatalog): readonly Route[] {
  return [
    { method: "GET", path: "/v1/models", answer: (call) => list(call, catalog) },
    { method: "GET", path: "/v1/models/:id{.+}", answer: (call) => show(call, catalog) },
  ];
}

/** Header that names the providers whose models are missing from a list, because they did not answer. */
const UNLISTED_HEADER = "x-parley-unlisted";

async function list({ format, request }: Call, catalog: ModelCatalog): Promise<Response> {
  const silent = await catalog.refresh();
  const models = catalog.list();
  const query = new URL(request.url).searchParams;
  const isAnthropic = format === formats.messages;
  const body = isAnthropic ? anthropicList(models, query) : openaiList(models, query);
  return Response.json(body, {
    headers: silent.length > 0 ? { [UNLISTED_HEADER]: silent.join(", ") } : {},
  });
}

function show({ format, id = "" }: Call, catalog: ModelCatalog): Response {
  const model = catalog.resolve(id);
  return Response.json(format === formats.messages ? anthropicModel(model) : openaiModel(model));
}
