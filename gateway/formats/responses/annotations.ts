// Citations of a text ⇄ `annotations` of an output_text. Web sources cross dialects; sources that only
// another provider can resolve (its document indexes) are named as a loss instead of being faked.

import type { Citation, JsonObject } from "#wire";
import type { Losses } from "../losses.ts";
import { numberAt, stringAt } from "./fields.ts";

const FILE_ANNOTATIONS = new Set(["file_citation", "container_file_citation", "file_path"]);

/** One annotation of an upstream's output_text. */
export function citationOf(annotation: JsonObject): Citation {
  const url = stringAt(annotation, "url");
  const title = stringAt(annotation, "title") ?? stringAt(annotation, "filename");
  const start = numberAt(annotation, "start_index");
  const end = numberAt(annotation, "end_index");
  return {
    kind: annotation["type"] === "url_citation" ? "url" : "document",
    ...(url !== undefined && { url }),
    ...(title !== undefined && { title }),
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    raw: annotation,
  };
}

/** The annotations of a text of `textLength` characters; a citation without a place here is a loss. */
export function annotationsOf(
  citations: readonly Citation[] | undefined,
  textLength: number,
  losses: Losses,
): JsonObject[] {
  const annotations: JsonObject[] = [];
  for (const citation of citations ?? []) {
    const annotation = annotationOf(citation, textLength);
    if (annotation) annotations.push(annotation);
    else losses.add("reply.citations", "a Responses annotation needs a URL or a file of its own");
  }
  return annotations;
}

function annotationOf(citation: Citation, textLength: number): JsonObject | undefined {
  const { raw, url } = citation;
  if (typeof raw["type"] === "string" && FILE_ANNOTATIONS.has(raw["type"])) return raw;
  if (url === undefined) return undefined;
  return {
    type: "url_citation",
    start_index: citation.start ?? 0,
    end_index: citation.end ?? textLength,
    title: citation.title ?? "",
    url,
  };
}
