// `GET /v1/models` and one of them, in the dialect the caller speaks. Asks only those upstreams that nobody else
// knows the models of, and says which of them did not answer.

import { formats } from "../formats/index.ts";
import type { Policy } from "../keys/policy.ts";
import { type ModelCatalog, UnknownModel } from "../models/catalog.ts";
import { anthropicList, anthropicModel, openaiList, openaiModel } from "../models/listing.ts";
import type { Call, Route } from "./route.ts";

const HINT = "GET /v1/models lists those that are.";

/** What a listing is made from. */
export interface ModelRouteParts {
  readonly catalog: ModelCatalog;
  readonly policy: Policy;
}

/** The list and its members; each caller sees what it may use. */
export function modelRoutes(parts: ModelRouteParts): readonly Route[] {
  return [
    { method: "GET", path: "/v1/models", answer: (call) => list(call, parts) },
    { method: "GET", path: "/v1/models/:id{.+}", answer: (call) => show(call, parts) },
  ];
}

/** Header that names the providers whose models are missing from a list, because they did not answer. */
const UNLISTED_HEADER = "x-parley-unlisted";

async function list(
  { format, request, caller, own }: Call,
  parts: ModelRouteParts,
): Promise<Response> {
  const { catalog, policy } = parts;
  const missing = await catalog.refresh();
  const silent = missing.filter((id) => policy.showsProvider(id, caller));
  // With a credential of its own a caller needs none of ours.
  const brought = own ? caller.rules?.transparent : undefined;
  const models = catalog.list(brought).filter((model) => policy.shows(model, caller));
  const query = new URL(request.url).searchParams;
  const isAnthropic = format === formats.messages;
  const body = isAnthropic ? anthropicList(models, query) : openaiList(models, query);
  return Response.json(body, {
    headers: silent.length > 0 ? { [UNLISTED_HEADER]: silent.join(", ") } : {},
  });
}

function show({ format, caller, id = "" }: Call, parts: ModelRouteParts): Response {
  const model = parts.catalog.resolve(id);
  if (!parts.policy.shows(model, caller)) throw new UnknownModel(id, HINT);
  return Response.json(format === formats.messages ? anthropicModel(model) : openaiModel(model));
}
