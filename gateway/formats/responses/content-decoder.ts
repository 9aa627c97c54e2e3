// Content of a caller's messages and tool results → canonical parts. An unknown part is refused with its
// path, never skipped: the model would answer a question that the caller did not ask.

import { z } from "zod";
import type {
  AudioPart,
  DocumentPart,
  ImagePart,
  Json,
  JsonObject,
  MediaSource,
  RefusalPart,
  TextPart,
} from "#wire";
import { InvalidRequest } from "../../errors.ts";
import { jsonObject, parseAt } from "./request-schema.ts";

const Text = z.object({ text: z.string() });
const Refusal = z.object({ refusal: z.string() });
const Image = z.object({
  image_url: z.string().nullish(),
  file_id: z.string().nullish(),
  detail: z.string().nullish(),
});
const File = z.object({
  file_data: z.string().nullish(),
  file_url: z.string().nullish(),
  file_id: z.string().nullish(),
  filename: z.string().nullish(),
});
const Audio = z.object({ input_audio: z.object({ data: z.string(), format: z.string() }) });

const DATA_URL = /^data:([^;,]+)[^,]*;base64,/i;
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;
const HTTP_URL = /^https?:\/\//i;

/** What a user can say. */
export type UserPart = TextPart | ImagePart | DocumentPart | AudioPart;

/** What a tool can answer. */
export type ResultPart = TextPart | ImagePart | DocumentPart;

/** `content` of a user, system or developer message. */
export function decodeUserContent(content: Json | undefined, path: string): UserPart[] {
  if (typeof content === "string") return [{ kind: "text", text: content, path }];
  return listAt(content, path).map((part, index) => userPart(part, `${path}[${index}]`));
}

/** `content` of a system or developer message: text only. */
export function decodeInstructions(content: Json | undefined, path: string): TextPart[] {
  return decodeUserContent(content, path).map((part) => {
    if (part.kind === "text") return part;
    throw unsupported(part.kind, part.path ?? path, "'input_text'");
  });
}

/** `content` of an assistant message. */
export function decodeAssistantContent(
  content: Json | undefined,
  path: string,
): (TextPart | RefusalPart)[] {
  if (typeof content === "string") return [{ kind: "text", text: content, path }];
  return listAt(content, path).map((part, index) => {
    const at = `${path}[${index}]`;
    if (part["type"] === "output_text") {
      return { kind: "text", text: parseAt(Text, part, at).text, path: at };
    }
    if (part["type"] === "refusal") {
      return { kind: "refusal", text: parseAt(Refusal, part, at).refusal, path: at };
    }
    throw unsupported(part["type"], at, "'output_text' and 'refusal'");
  });
}

/** `output` of a tool result. */
export function decodeResult(output: Json | undefined, path: string): ResultPart[] {
  if (typeof output === "string") return [{ kind: "text", text: output, path }];
  return listAt(output, path).map((part, index) => {
    const decoded = userPart(part, `${path}[${index}]`);
    if (decoded.kind !== "audio") return decoded;
    throw unsupported(part["type"], `${path}[${index}]`, USER_TYPES);
  });
}

function listAt(content: Json | undefined, path: string): JsonObject[] {
  return parseAt(z.array(jsonObject, "expected a string or an array of parts"), content, path);
}

const USER_TYPES = "'input_text', 'input_image' and 'input_file'";

function userPart(part: JsonObject, path: string): UserPart {
  switch (part["type"]) {
    case "input_text":
      return { kind: "text", text: parseAt(Text, part, path).text, path };
    case "input_image": {
      const { detail, ...image } = parseAt(Image, part, path);
      return { kind: "image", source: imageSource(image, path), ...(detail && { detail }), path };
    }
    case "input_file": {
      const file = parseAt(File, part, path);
      const title = file.filename ?? undefined;
      return {
        kind: "document",
        source: fileSource(file, path),
        ...(title !== undefined && { title }),
        path,
      };
    }
    case "input_audio": {
      const { data, format } = parseAt(Audio, part, path).input_audio;
      return { kind: "audio", mediaFormat: format, data, path };
    }
    default:
      throw unsupported(part["type"], path, USER_TYPES);
  }
}

function unsupported(type: Json | undefined, path: string, known: string): InvalidRequest {
  const param = `${path}.type`;
  const message = `${param}: unknown value ${JSON.stringify(type ?? null)}; supported are ${known}`;
  return new InvalidRequest(message, { param });
}

function imageSource(image: Omit<z.infer<typeof Image>, "detail">, path: string): MediaSource {
  if (image.file_id) return { from: "file", fileId: image.file_id, format: "responses" };
  const url = image.image_url ?? "";
  const param = `${path}.image_url`;
  if (HTTP_URL.test(url)) return { from: "url", url };
  return base64Source(url, param, "expected an http(s) URL or a base64 data URL");
}

function fileSource(file: z.infer<typeof File>, path: string): MediaSource {
  if (file.file_id) return { from: "file", fileId: file.file_id, format: "responses" };
  if (file.file_url) {
    if (HTTP_URL.test(file.file_url)) return { from: "url", url: file.file_url };
    const param = `${path}.file_url`;
    throw new InvalidRequest(`${param}: expected an http(s) URL`, { param });
  }
  const param = `${path}.file_data`;
  return base64Source(file.file_data ?? "", param, "expected a base64 data URL");
}

/** Splits a data URL; parameters such as `;charset` are dropped, the bytes are never re-encoded. */
function base64Source(url: string, param: string, expected: string): MediaSource {
  const head = DATA_URL.exec(url);
  const data = url.slice(head?.[0].length ?? 0);
  if (!head?.[1] || data === "" || !BASE64.test(data)) {
    throw new InvalidRequest(`${param}: ${expected}`, { param });
  }
  return { from: "base64", mediaType: head[1].trim().toLowerCase(), data };
}
