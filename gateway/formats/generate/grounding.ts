// Sources of a text: `groundingSupports` says which bytes of it rest on which `groundingChunks`. Only sources with
// an address can cross; offsets that do not fit the text are left out rather than guessed.

import { type Citation, isJsonObject, type Json, type JsonObject } from "#wire";
import type { Losses } from "../losses.ts";

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function objects(value: Json | undefined): readonly JsonObject[] {
  return list(value).filter(isJsonObject);
}

/** The span in characters of a segment, which counts in bytes of UTF-8. */
function spanOf(segment: JsonObject, bytes: Buffer): { start: number; end: number } | undefined {
  const { startIndex = 0, endIndex, text } = segment;
  if (typeof startIndex !== "number" || typeof endIndex !== "number") return undefined;
  const before = bytes.subarray(0, startIndex).toString("utf8");
  const cited = bytes.subarray(startIndex, endIndex).toString("utf8");
  if (cited === "" || cited !== text) return undefined;
  return { start: before.length, end: before.length + cited.length };
}

function citationOf(support: JsonObject, source: JsonObject, bytes: Buffer): Citation | undefined {
  const { uri, title } = source;
  if (typeof uri !== "string" || uri === "") return undefined;
  const segment = isJsonObject(support.segment) ? support.segment : {};
  const span = spanOf(segment, bytes);
  return {
    kind: "url",
    url: uri,
    ...(typeof title === "string" && { title }),
    ...(typeof segment.text === "string" && { citedText: segment.text }),
    ...span,
    raw: support,
  };
}

/** The sources of `text` that a `groundingMetadata` names. */
export function decodeGrounding(
  metadata: JsonObject,
  text: string,
  losses: Losses,
): readonly Citation[] {
  const bytes = Buffer.from(text);
  const chunks = objects(metadata.groundingChunks);
  return objects(metadata.groundingSupports).flatMap((support) =>
    list(support.groundingChunkIndices).flatMap((index) => {
      const chunk = typeof index === "number" ? chunks[index] : undefined;
      const source = [chunk?.web, chunk?.retrievedContext, chunk?.maps].find(isJsonObject);
      const citation = source && citationOf(support, source, bytes);
      if (!citation)
        losses.add("reply.groundingMetadata", "only sources with an address can cross");
      return citation ? [citation] : [];
    }),
  );
}
