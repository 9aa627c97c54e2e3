// User content and tool results → input parts of a Responses upstream. Bytes are passed as they came;
// what only another provider can fetch or do (its file ids, citations on demand, audio) is refused.

import type {
  AudioPart,
  DocumentPart,
  ImagePart,
  JsonObject,
  MediaSource,
  TextPart,
  ToolResultPart,
} from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Losses } from "../losses.ts";

/** What marks a failed tool run, which the dialect has no flag for. */
export const TOOL_ERROR_PREFIX = "[tool error] ";

/** Parts of a user message or a tool result. */
export type InputPart = TextPart | ImagePart | DocumentPart | AudioPart;

/** One input part; throws UnsupportedParameter for what cannot cross. */
export function encodeInputPart(part: InputPart, losses: Losses): JsonObject {
  switch (part.kind) {
    case "text":
      return inputText(part.text);
    case "image":
      return encodeImage(part);
    case "document":
      return encodeDocument(part, losses);
    case "audio":
      throw new UnsupportedParameter(part.path ?? "input", "Responses upstreams take no audio");
  }
}

/** A text in the role of input. */
export function inputText(text: string): JsonObject {
  return { type: "input_text", text };
}

/** `output` of a tool result: plain text when it is one text, else a list. */
export function encodeResult(part: ToolResultPart, losses: Losses): string | JsonObject[] {
  const parts = part.isError ? markedAsError(part) : part.parts;
  if (part.isError) losses.add(part.path ?? "tool_result.is_error", "the error flag became text");
  const [first, ...others] = parts;
  if (!first) return "";
  if (first.kind === "text" && others.length === 0) return first.text;
  return parts.map((each) => encodeInputPart(each, losses));
}

function markedAsError({ parts }: ToolResultPart): ToolResultPart["parts"] {
  const [first, ...others] = parts;
  if (first?.kind === "text") {
    return [{ ...first, text: TOOL_ERROR_PREFIX + first.text }, ...others];
  }
  return [{ kind: "text", text: TOOL_ERROR_PREFIX.trimEnd() }, ...parts];
}

function encodeImage({ source, detail = "auto", path = "input" }: ImagePart): JsonObject {
  switch (source.from) {
    case "base64":
      return { type: "input_image", detail, image_url: dataUrl(source) };
    case "url":
      return { type: "input_image", detail, image_url: source.url };
    case "file":
      return { type: "input_image", detail, file_id: ownFileId(source, path) };
    case "text":
      throw new UnsupportedParameter(path, "an image cannot be text");
  }
}

function encodeDocument(part: DocumentPart, losses: Losses): JsonObject {
  const { source, title, path = "input" } = part;
  if (part.citations) {
    throw new UnsupportedParameter(path, "only Messages upstreams cite documents on demand");
  }
  if (part.context) losses.add(`${path}.context`, "Responses files have no context");
  switch (source.from) {
    case "base64": {
      const filename =
        title || `document.${source.mediaType === "application/pdf" ? "pdf" : "txt"}`;
      return { type: "input_file", filename, file_data: dataUrl(source) };
    }
    case "url":
      return { type: "input_file", file_url: source.url };
    case "file":
      return { type: "input_file", file_id: ownFileId(source, path) };
    case "text":
      losses.add(path, "the text document became a text part");
      return inputText(title ? `${title}\n\n${source.text}` : source.text);
  }
}

function dataUrl({ mediaType, data }: Extract<MediaSource, { from: "base64" }>): string {
  return `data:${mediaType};base64,${data}`;
}

function ownFileId(
  { fileId, format }: Extract<MediaSource, { from: "file" }>,
  path: string,
): string {
  if (format === "responses") return fileId;
  throw new UnsupportedParameter(path, "file ids belong to the provider that stored the file");
}
