// `GET /v1/models` and one of them, in the dialect the caller speaks. Asks no upstream, so it answers at once.

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

function list({ format, request }: Call, catalog: ModelCatalog): Response {
  const models = catalog.list();
  const query = new URL(request.url).searchParams;
  const isAnthropic = format === formats.messages;
  return Response.json(isAnthropic ? anthropicList(models, query) : openaiList(models, query));
}

function show({ format, id = "" }: Call, catalog: ModelCatalog): Response {
  const model = catalog.resolve(id);
  return Response.json(format === formats.messages ? anthropicModel(model) : openaiModel(model));
}
