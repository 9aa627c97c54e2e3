// One turn of a conversation that goes on from earlier responses: finds what it goes on from, has it answered, and
// keeps the answer. Used by the socket and by HTTP; what differs is where earlier responses are looked for.

import type { JsonObject } from "#wire";
import {
  continueFrom,
  inputItems,
  PreviousResponseNotFound,
  previousId,
} from "./continued-request.ts";
import type { ResponseMarks } from "./response-events.ts";
import type { StoredResponse } from "./response-store.ts";

/** A turn that can be sent. */
export interface ResponseTurn {
  /** The body for the pipeline: whole, and with `store` false, because it is kept here or nowhere. */
  readonly body: JsonObject;
  readonly marks: ResponseMarks;
  /** What to keep once the answer is complete. */
  stored(response: StoredResponse["response"]): StoredResponse;
}

/** Prepares one, from what was found of the response that it goes on from. Throws PreviousResponseNotFound. */
export function prepareTurn(
  asked: JsonObject,
  previous: StoredResponse | undefined,
  { isStored }: { isStored: boolean },
): ResponseTurn {
  const id = previousId(asked);
  if (id !== undefined && !previous) throw new PreviousResponseNotFound(id);
  const continued = previous ? continueFrom(asked, previous) : asked;
  const marks = { previous_response_id: id ?? null, store: isStored };
  return {
    body: { ...continued, store: false },
    marks,
    stored: (response) => ({ response, input: inputItems(continued) }),
  };
}
