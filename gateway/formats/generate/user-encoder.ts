// What a user turn holds → parts of a `user` content: results of calls first and in the order of the calls,
// because calls without ids are matched by place, then everything else as it stood.

import type { JsonObject, Part, ToolCallPart, ToolResultPart } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { upstreamCallId } from "./call-id.ts";
import { modelAbilities } from "./gemini-models.ts";
import { encodeAudio, encodeDocument, encodeImage } from "./media-encoder.ts";

/** The calls a conversation has made so far, in order, by id. */
export type Calls = ReadonlyMap<string, ToolCallPart>;

/** A text part; undefined for an empty one, which the API refuses. */
export function encodeText(text: string): JsonObject | undefined {
  return text === "" ? undefined : { text };
}

function encodePart(part: Part, target: Target): JsonObject | undefined {
  switch (part.kind) {
    case "text":
      return encodeText(part.text);
    case "image":
      return encodeImage(part, target);
    case "document":
      return encodeDocument(part, target);
    case "audio":
      return encodeAudio(part);
    default:
      throw new UnsupportedParameter(part.path ?? part.kind, "not in a user message");
  }
}

function encodeResult(part: ToolResultPart, calls: Calls, target: Target): JsonObject[] {
  const path = part.path ?? "tool result";
  const call = calls.get(part.id);
  if (!call) {
    throw new InvalidRequest(`${path}: no earlier call has the id ${JSON.stringify(part.id)}`, {
      code: "unknown_tool_result",
      param: path,
    });
  }
  const encoded = part.parts
    .map((inner) => encodePart(inner, target))
    .filter((inner) => inner !== undefined);
  const text = encoded.flatMap((inner) => (typeof inner.text === "string" ? [inner.text] : []));
  const media = encoded.filter((inner) => inner.text === undefined);
  const takesMedia = modelAbilities(target.model).hasMediaInResults;
  if (media.length > 0 && !takesMedia) target.losses.add(path, "its media follow the results");
  const id = upstreamCallId(part.id);
  const response = {
    functionResponse: {
      ...(id !== undefined && { id }),
      name: call.name,
      response: { [part.isError ? "error" : "output"]: text.join("\n") },
      ...(takesMedia && media.length > 0 && { parts: media }),
    },
  };
  return takesMedia ? [response] : [response, ...media];
}

/** The parts of one user content. Throws InvalidRequest with the path of what the API does not take. */
export function encodeUserParts(
  parts: readonly Part[],
  { calls, target }: { calls: Calls; target: Target },
): JsonObject[] {
  const order = [...calls.keys()];
  const results = parts
    .filter((part) => part.kind === "toolResult")
    .toSorted((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
    .flatMap((part) => encodeResult(part, calls, target));
  const isResponse = (part: JsonObject) => part.functionResponse !== undefined;
  const rest = parts
    .filter((part) => part.kind !== "toolResult")
    .map((part) => encodePart(part, target))
    .filter((part) => part !== undefined);
  return [...results.filter(isResponse), ...results.filter((part) => !isResponse(part)), ...rest];
}
