// Content parts of Chat messages → canonical parts. Refuses part types the dialect does not have in
// that role, and media whose bytes cannot be what they claim; never skips a part.

import { isJsonObject, type Json, type JsonObject, type MediaSource, type Part } from "#wire";
import { z } from "zod";
import { InvalidRequest } from "../../errors.ts";
import type { Losses } from "../losses.ts";
import { childPath, noteUnknownFields, parseAt } from "./body-parser.ts";

const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*),/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

// Cache hints and echoed places change nothing about what is said.
const SILENT_FIELDS = ["type", "cache_control", "prompt_cache_breakpoint", "closed"];

function checkedBase64(data: string, path: string): string {
  if (BASE64.test(data)) return data;
  throw new InvalidRequest(`${path}: not valid base64`, { param: path, code: "invalid_base64" });
}

/** A `data:` URL as bytes with their media type, parameters such as charset removed. */
function dataSource(url: string, path: string): MediaSource | undefined {
  const match = DATA_URL.exec(url);
  if (!match) return undefined;
  if (!/;\s*base64$/i.test(match[2] ?? "")) {
    throw new InvalidRequest(`${path}: data URLs must be base64`, { param: path });
  }
  const data = checkedBase64(url.slice(match[0].length), path);
  return { from: "base64", mediaType: (match[1] ?? "").toLowerCase(), data };
}

function mediaSource(url: string, path: string): MediaSource {
  const source = dataSource(url, path);
  if (source) return source;
  if (/^https?:\/\//i.test(url)) return { from: "url", url };
  throw new InvalidRequest(`${path}: expected an http(s) or data: URL`, { param: path });
}

const ImageUrl = z.object({ url: z.string(), detail: z.string().nullish() });
const Image = z.object({ image_url: z.union([z.string(), ImageUrl]) });
const Audio = z.object({ input_audio: z.object({ data: z.string(), format: z.string() }) });
const File = z.object({
  file: z.object({
    file_data: z.string().nullish(),
    file_id: z.string().nullish(),
    filename: z.string().nullish(),
  }),
});

function decodeImage(part: JsonObject, path: string): Part {
  const { image_url: image } = parseAt(Image, part, path);
  const { url, detail } = typeof image === "string" ? { url: image, detail: null } : image;
  const source = mediaSource(url, `${path}.image_url.url`);
  return { kind: "image", source, ...(detail && { detail }), path };
}

function fileSource(file: z.infer<typeof File>["file"], path: string): MediaSource {
  if (file.file_id) return { from: "file", fileId: file.file_id, format: "chat" };
  const data = file.file_data ?? "";
  const at = `${path}.file.file_data`;
  if (/^(?:data|https?):/i.test(data)) return mediaSource(data, at);
  return { from: "base64", mediaType: "application/pdf", data: checkedBase64(data, at) };
}

function decodeFile(part: JsonObject, path: string): Part {
  const { file } = parseAt(File, part, path);
  const title = file.filename ?? undefined;
  return { kind: "document", source: fileSource(file, path), ...(title && { title }), path };
}

function decodeAudio(part: JsonObject, path: string): Part {
  const { data, format } = parseAt(Audio, part, path).input_audio;
  return {
    kind: "audio",
    mediaFormat: format,
    data: checkedBase64(data, `${path}.input_audio.data`),
    path,
  };
}

const Thinking = z.object({
  thinking: z.union([z.string(), z.array(z.object({ text: z.string() }))]),
});

function decodeThinking(part: JsonObject, path: string): Part {
  const { thinking } = parseAt(Thinking, part, path);
  const text = typeof thinking === "string" ? thinking : thinking.map((t) => t.text).join("");
  return { kind: "thinking", text, isRaw: true, path };
}

interface PartDecoder {
  readonly fields: readonly string[];
  readonly decode: (part: JsonObject, path: string) => Part;
}

const DECODERS = {
  text: {
    fields: ["text"],
    decode: (part, path) => {
      const { text } = parseAt(z.object({ text: z.string() }), part, path);
      return { kind: "text", text, path };
    },
  },
  refusal: {
    fields: ["refusal"],
    decode: (part, path) => {
      const { refusal } = parseAt(z.object({ refusal: z.string() }), part, path);
      return { kind: "refusal", text: refusal, path };
    },
  },
  image_url: { fields: ["image_url"], decode: decodeImage },
  input_audio: { fields: ["input_audio"], decode: decodeAudio },
  file: { fields: ["file"], decode: decodeFile },
  thinking: { fields: ["thinking"], decode: decodeThinking },
} satisfies Record<string, PartDecoder>;

/** Content part types this gateway reads. */
export type PartType = keyof typeof DECODERS;

/** The parts of `content` (a string, a list, or null); `types` are those its role may have. */
export function decodeContent(
  content: Json | undefined,
  { types, path, losses }: { types: readonly PartType[]; path: string; losses: Losses },
): Part[] {
  if (content === null || content === undefined) return [];
  if (typeof content === "string") return [{ kind: "text", text: content, path }];
  if (!Array.isArray(content)) {
    throw new InvalidRequest(`${path}: expected a string or a list of parts`, { param: path });
  }
  return content.map((part, index) => {
    const at = childPath(path, index);
    if (!isJsonObject(part)) {
      throw new InvalidRequest(`${at}: expected an object`, { param: at });
    }
    const type = types.find((known) => known === part["type"]);
    if (type === undefined) {
      const message = `${at}.type: expected one of ${types.join(", ")}`;
      throw new InvalidRequest(message, { param: `${at}.type`, code: "unknown_content_type" });
    }
    const { fields, decode }: PartDecoder = DECODERS[type];
    noteUnknownFields(part, { known: new Set([...SILENT_FIELDS, ...fields]), path: at, losses });
    return decode(part, at);
  });
}
