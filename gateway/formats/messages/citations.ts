// Citations of this dialect. Its offsets count characters of the cited document, not of the answer, so
// they stay in `raw`; a foreign citation becomes a web search one that replays know how to remove.

import type { Citation, Json, JsonObject } from "#wire";
import { isJsonObject } from "#wire";
import { UNSIGNED } from "./opaque-state.ts";

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** One citation; undefined when the value is none. */
export function decodeCitation(value: Json | undefined): Citation | undefined {
  if (!isJsonObject(value) || typeof value.type !== "string") return undefined;
  const url = textOf(value.url);
  const title = textOf(value.title) ?? textOf(value.document_title);
  const citedText = textOf(value.cited_text);
  return {
    kind: url === undefined ? "document" : "url",
    ...(url !== undefined && { url }),
    ...(title !== undefined && { title }),
    ...(citedText !== undefined && { citedText }),
    raw: value,
  };
}

/** The citations of a block; empty when it has none. */
export function decodeCitations(value: Json | undefined): Citation[] {
  if (!Array.isArray(value)) return [];
  return value.map(decodeCitation).filter((citation) => citation !== undefined);
}

/** The dialect's object; undefined for a foreign citation that has no URL to point at. */
export function encodeCitation(citation: Citation): JsonObject | undefined {
  const type = citation.raw.type;
  if (typeof type === "string" && type.endsWith("_location")) return citation.raw;
  if (citation.url === undefined) return undefined;
  return {
    type: "web_search_result_location",
    url: citation.url,
    title: citation.title ?? null,
    cited_text: citation.citedText ?? "",
    encrypted_index: UNSIGNED,
  };
}
