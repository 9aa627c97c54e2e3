// A Responses request that goes on from an earlier response, written out: the whole history in `input`, so that any
// upstream can answer it. Reasoning that was not handed out sealed cannot be handed back, and is left out.

import { isJsonObject, type Json, type JsonObject } from "#wire";
import { InvalidRequest } from "../errors.ts";
import type { StoredResponse } from "./response-store.ts";

/** The response that a request goes on from is not there. */
export class PreviousResponseNotFound extends InvalidRequest {
  constructor(id: string) {
    const message = `Previous response with id '${id}' not found: it was not stored here, has expired, or another key made it. Send the whole history in input.`;
    super(message, { code: "previous_response_not_found", param: "previous_response_id" });
  }
}

/** The id that a request goes on from. */
export function previousId(body: JsonObject): string | undefined {
  const id = body["previous_response_id"];
  return typeof id === "string" && id !== "" ? id : undefined;
}

/** The body with everything before it in its own `input`. */
export function continueFrom(body: JsonObject, previous: StoredResponse): JsonObject {
  const { previous_response_id: _, ...rest } = body;
  const { output } = previous.response;
  const said = Array.isArray(output) ? output.filter(canReturn) : [];
  return { ...rest, input: [...previous.input, ...said, ...inputItems(body)] };
}

/** `input` as a list of items. */
export function inputItems({ input }: JsonObject): readonly Json[] {
  if (Array.isArray(input)) return input;
  if (typeof input !== "string") return [];
  return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
}

function canReturn(item: Json): boolean {
  if (!isJsonObject(item) || item["type"] !== "reasoning") return true;
  return typeof item["encrypted_content"] === "string";
}
