// Sources in a Chat reply: `annotations` of type url_citation, with offsets into the whole content.
// Refuses to invent links: a citation without a URL is named as a loss.

import { type Citation, isJsonObject, type Json, type JsonObject } from "#wire";
import type { Losses } from "../losses.ts";

function number(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** One annotation → citation; undefined (and a loss) for kinds that carry no link. */
export function decodeAnnotation(annotation: Json, losses: Losses): Citation | undefined {
  const source = isJsonObject(annotation) ? annotation["url_citation"] : undefined;
  if (!isJsonObject(annotation) || !isJsonObject(source) || typeof source["url"] !== "string") {
    losses.add("reply.annotations", "only url_citation can cross");
    return undefined;
  }
  const start = number(source["start_index"]) ?? 0;
  const end = number(source["end_index"]) ?? 0;
  return {
    kind: "url",
    url: source["url"],
    ...(typeof source["title"] === "string" && { title: source["title"] }),
    ...(typeof source["content"] === "string" && { citedText: source["content"] }),
    // OpenRouter writes 0..0 when it does not know the span.
    ...(end > start && { start, end }),
    raw: annotation,
  };
}

/** Citation → annotation; `offset` and `length` place its text part in the whole content. */
export function encodeAnnotation(
  citation: Citation,
  { offset, length, losses }: { offset: number; length: number; losses: Losses },
): JsonObject | undefined {
  if (citation.url === undefined) {
    losses.add("reply.citations", "Chat can cite URLs only");
    return undefined;
  }
  return {
    type: "url_citation",
    url_citation: {
      start_index: offset + (citation.start ?? 0),
      end_index: offset + (citation.end ?? length),
      title: citation.title ?? "",
      url: citation.url,
      ...(citation.citedText !== undefined && { content: citation.citedText }),
    },
  };
}
