// Images, documents and audio → `inlineData` and `fileData`. Refuses formats the API does not read and ids of
// files that another provider holds; fetches nothing: an address is Google's to read.

import type { AudioPart, DocumentPart, ImagePart, JsonObject, MediaSource } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";

const IMAGE_TYPES: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/webp",
  "image/heic",
  "image/heif",
]);

const TYPE_BY_EXTENSION: ReadonlyMap<string, string> = new Map([
  ["png", "image/png"],
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["webp", "image/webp"],
  ["heic", "image/heic"],
  ["heif", "image/heif"],
  ["pdf", "application/pdf"],
  ["txt", "text/plain"],
]);

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** `image/jpg; charset=x` → `image/jpeg`. */
function plainMediaType(mediaType: string): string {
  const type = (mediaType.split(";")[0] ?? "").trim().toLowerCase();
  return type === "image/jpg" ? "image/jpeg" : type;
}

function inline(mimeType: string, data: string, path: string): JsonObject {
  const joined = BASE64.test(data) ? data : data.replace(/\s+/g, "");
  if (!BASE64.test(joined)) {
    throw new InvalidRequest(`${path}: not valid base64`, { param: path });
  }
  return { inlineData: { mimeType, data: joined } };
}

function byAddress(url: string, path: string): JsonObject {
  const address = URL.parse(url);
  if (address?.protocol !== "https:" && address?.protocol !== "http:") {
    throw new InvalidRequest(`${path}: not an http or https URL`, { param: path });
  }
  const extension = /\.([a-z0-9]+)$/i.exec(address.pathname)?.[1]?.toLowerCase() ?? "";
  const mimeType = TYPE_BY_EXTENSION.get(extension);
  return { fileData: { ...(mimeType !== undefined && { mimeType }), fileUri: url } };
}

function byId(source: Extract<MediaSource, { from: "file" }>, path: string): JsonObject {
  if (source.format === "generate") return { fileData: { fileUri: source.fileId } };
  throw new UnsupportedParameter(path, "file ids stay with the provider that made them");
}

/** An image. */
export function encodeImage(part: ImagePart, target: Target): JsonObject {
  const { source, detail, path = "image" } = part;
  if (detail !== undefined && detail !== "auto") {
    target.losses.add(`${path}.detail`, "not in this dialect");
  }
  switch (source.from) {
    case "base64": {
      const type = plainMediaType(source.mediaType);
      if (IMAGE_TYPES.has(type)) return inline(type, source.data, path);
      const given = type || "no media type";
      throw new InvalidRequest(`${path}: ${given} is not png, jpeg, webp, heic or heif`, {
        param: path,
      });
    }
    case "url":
      return byAddress(source.url, path);
    case "file":
      return byId(source, path);
    case "text":
      throw new InvalidRequest(`${path}: an image cannot be text`, { param: path });
  }
}

function textDocument(part: DocumentPart, text: string, target: Target): JsonObject {
  target.losses.add(part.path ?? "document", "document became text");
  const header = [part.title, part.context].filter((line) => line !== undefined && line !== "");
  return { text: [...header, text].join("\n\n") };
}

function decodeText(data: string, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(data));
  } catch (cause) {
    throw new InvalidRequest(`${path}: not base64 of UTF-8 text`, { param: path, cause });
  }
}

/** A document; one that is text becomes a text part. */
export function encodeDocument(part: DocumentPart, target: Target): JsonObject {
  const { source, path = "document" } = part;
  if (part.citations) {
    throw new UnsupportedParameter(`${path}.citations`, "only Messages upstreams cite documents");
  }
  if (source.from === "text") return textDocument(part, source.text, target);
  const type = source.from === "base64" ? plainMediaType(source.mediaType) : "";
  if (source.from === "base64" && type.startsWith("text/")) {
    return textDocument(part, decodeText(source.data, path), target);
  }
  if (part.title !== undefined) target.losses.add(`${path}.title`, "not in this dialect");
  if (part.context !== undefined) target.losses.add(`${path}.context`, "not in this dialect");
  if (source.from === "url") return byAddress(source.url, path);
  if (source.from === "file") return byId(source, path);
  if (type === "application/pdf") return inline(type, source.data, path);
  throw new InvalidRequest(`${path}: ${type || "no media type"} is neither a PDF nor text`, {
    param: path,
  });
}

/** A clip of sound. */
export function encodeAudio({ mediaFormat, data, path = "audio" }: AudioPart): JsonObject {
  return inline(`audio/${mediaFormat}`, data, path);
}
