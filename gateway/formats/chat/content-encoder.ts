// Canonical parts → content parts of Chat user messages. Refuses media whose bytes another provider
// holds, and demands (citations) that Chat cannot meet.

import type { AudioPart, DocumentPart, ImagePart, JsonObject, Part } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";

/** Parts that a user message of Chat can hold. */
export type UserPart = Extract<Part, { kind: "text" | "refusal" | "image" | "document" | "audio" }>;

function pathOf(part: Part): string {
  return part.path ?? "messages";
}

function encodeImage(part: ImagePart): JsonObject {
  const { source, detail } = part;
  const path = pathOf(part);
  const rest = detail === undefined ? {} : { detail };
  switch (source.from) {
    case "url":
      return { type: "image_url", image_url: { url: source.url, ...rest } };
    case "base64": {
      const url = `data:${source.mediaType};base64,${source.data}`;
      return { type: "image_url", image_url: { url, ...rest } };
    }
    case "file":
      throw new UnsupportedParameter(
        path,
        "file ids belong to one provider; send the image itself",
      );
    case "text":
      throw new InvalidRequest(`${path}: an image cannot be text`, { param: path });
  }
}

function textDocument(part: DocumentPart, text: string, { losses }: Target): JsonObject {
  losses.add(pathOf(part), "document became text");
  const header = [part.title, part.context].filter((line) => line !== undefined && line !== "");
  return { type: "text", text: [...header, text].join("\n\n") };
}

function decodeText(part: DocumentPart, data: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(data));
  } catch (cause) {
    const param = pathOf(part);
    throw new InvalidRequest(`${param}: not base64 of UTF-8 text`, { param, cause });
  }
}

/** A document as a `file` part, or as text when it is text. */
export function encodeDocument(part: DocumentPart, target: Target): JsonObject {
  const { source, title } = part;
  const path = pathOf(part);
  if (part.citations) {
    throw new UnsupportedParameter(`${path}.citations`, "only Messages upstreams cite documents");
  }
  if (source.from === "text") return textDocument(part, source.text, target);
  if (source.from === "file") {
    if (source.format === "chat") return { type: "file", file: { file_id: source.fileId } };
    throw new UnsupportedParameter(
      path,
      "file ids belong to one provider; send the document itself",
    );
  }
  if (source.from === "url") {
    throw new UnsupportedParameter(path, "Chat Completions takes no document URLs; send the bytes");
  }
  const { mediaType, data } = source;
  if (mediaType.startsWith("text/")) {
    return textDocument(part, decodeText(part, data), target);
  }
  if (part.context !== undefined) target.losses.add(`${path}.context`, "no place in a file part");
  const filename = title ?? "document.pdf";
  return { type: "file", file: { filename, file_data: `data:${mediaType};base64,${data}` } };
}

function encodeAudio(part: AudioPart): JsonObject {
  const { mediaFormat: format, data } = part;
  if (format === "wav" || format === "mp3") {
    return { type: "input_audio", input_audio: { data, format } };
  }
  throw new UnsupportedParameter(pathOf(part), `audio must be wav or mp3, not ${format}`);
}

/** One part of a user message. */
export function encodeUserPart(part: UserPart, target: Target): JsonObject {
  switch (part.kind) {
    case "text":
    case "refusal":
      return { type: "text", text: part.text };
    case "image":
      return encodeImage(part);
    case "document":
      return encodeDocument(part, target);
    case "audio":
      return encodeAudio(part);
  }
}

/** `content` of a message: a plain string for a single text, which every host understands. */
export function encodeContent(parts: readonly JsonObject[]): string | JsonObject[] {
  const [first] = parts;
  if (!first) return "";
  const isPlain = parts.length === 1 && first["type"] === "text";
  return isPlain && typeof first["text"] === "string" ? first["text"] : [...parts];
}
