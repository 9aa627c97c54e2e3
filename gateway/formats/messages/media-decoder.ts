// Images, documents and search results of a Messages request → canonical parts. Refuses what only this
// dialect can do and whose absence would change the answer: citations into search results.

import type { DocumentPart, ImagePart, JsonObject, MediaSource, TextPart } from "#wire";
import { isJsonObject } from "#wire";
import { z } from "zod";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import { AnyObject, Ignored, parseAt, type Place } from "./body-fields.ts";

const Base64 = z.object({ type: z.literal("base64"), media_type: z.string(), data: z.string() });
const Url = z.object({ type: z.literal("url"), url: z.string() });
const File = z.object({ type: z.literal("file"), file_id: z.string() });
const PlainText = z.object({
  type: z.literal("text"),
  media_type: z.string().optional(),
  data: z.string(),
});
const Content = z.object({
  type: z.literal("content"),
  content: z.union([z.string(), z.array(AnyObject)]),
});

const Image = z.object({
  type: z.literal("image"),
  source: AnyObject,
  cache_control: Ignored,
});

const Document = z.object({
  type: z.literal("document"),
  source: AnyObject,
  title: z.string().nullish(),
  context: z.string().nullish(),
  citations: z.object({ enabled: z.boolean().optional() }).nullish(),
  cache_control: Ignored,
});

const SearchResult = z.object({
  type: z.literal("search_result"),
  source: z.string(),
  title: z.string(),
  content: z.array(z.object({ type: z.literal("text"), text: z.string(), cache_control: Ignored })),
  citations: z.object({ enabled: z.boolean().optional() }).nullish(),
  cache_control: Ignored,
});

function inside({ path, losses }: Place, key: string): Place {
  return { path: `${path}.${key}`, losses };
}

/** Text of a document given as content blocks; images in it have no place elsewhere. */
function contentText(source: JsonObject, place: Place): string {
  const { content } = parseAt(Content, source, place);
  if (typeof content === "string") return content;
  place.losses.add(place.path, "content blocks joined to one text");
  return content
    .map((block, index) => {
      if (block.type === "text" && typeof block.text === "string") return block.text;
      const path = `${place.path}.content[${index}]`;
      throw new UnsupportedParameter(path, "only text can be inside a document of this upstream");
    })
    .join("\n\n");
}

function decodeSource(source: JsonObject, place: Place): MediaSource {
  switch (source.type) {
    case "base64": {
      const { media_type, data } = parseAt(Base64, source, place);
      return { from: "base64", mediaType: media_type, data };
    }
    case "url":
      return { from: "url", url: parseAt(Url, source, place).url };
    case "file":
      return { from: "file", fileId: parseAt(File, source, place).file_id, format: "messages" };
    case "text":
      return { from: "text", text: parseAt(PlainText, source, place).data };
    case "content":
      return { from: "text", text: contentText(source, place) };
    default: {
      const param = `${place.path}.type`;
      throw new InvalidRequest(`${param}: unknown source type`, { param });
    }
  }
}

/** An `image` block. */
export function decodeImage(block: JsonObject, place: Place): ImagePart {
  const image = parseAt(Image, block, place);
  const source = decodeSource(image.source, inside(place, "source"));
  if (source.from === "text") {
    const param = `${place.path}.source.type`;
    throw new InvalidRequest(`${param}: an image cannot be text`, { param });
  }
  return { kind: "image", source, path: place.path };
}

/** A `document` block. */
export function decodeDocument(block: JsonObject, place: Place): DocumentPart {
  const { source, title, context, citations } = parseAt(Document, block, place);
  return {
    kind: "document",
    source: decodeSource(source, inside(place, "source")),
    ...(typeof title === "string" && { title }),
    ...(typeof context === "string" && { context }),
    ...(citations?.enabled === true && { citations: true }),
    path: place.path,
  };
}

/** A `search_result` block as text with its source named; refused when the caller wants citations. */
export function decodeSearchResult(block: JsonObject, place: Place): TextPart {
  const { source, title, content, citations } = parseAt(SearchResult, block, place);
  if (citations?.enabled) {
    throw new UnsupportedParameter(
      `${place.path}.citations`,
      "the upstream cannot cite search results; turn citations off to send them as text",
    );
  }
  place.losses.add(place.path, "search result sent as text");
  const body = content.map((part) => part.text).join("\n");
  return { kind: "text", text: `${title}\n${source}\n\n${body}`, path: place.path };
}

/** True when a value is an array of objects, as `content` arrays must be. */
export function isBlockList(value: unknown): value is JsonObject[] {
  return Array.isArray(value) && value.every(isJsonObject);
}
