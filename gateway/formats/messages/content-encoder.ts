// Canonical parts → content blocks of a Messages request. Foreign reasoning is left out whole, never
// shown as text; media that the API refuses is refused here, with the caller's path.

import type {
  Carrier,
  DocumentPart,
  ImagePart,
  JsonObject,
  Part,
  ServerToolPart,
  ThinkingPart,
  ToolCallPart,
  ToolResultPart,
} from "#wire";
import { isJsonObject } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { legalToolId } from "../tool-id.ts";
import { toolInput } from "./tool-input.ts";

const IMAGE_TYPES: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
]);

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** `image/jpg; charset=x` → `image/jpeg`. */
function plainMediaType(mediaType: string): string {
  const type = (mediaType.split(";")[0] ?? "").trim().toLowerCase();
  return type === "image/jpg" ? "image/jpeg" : type;
}

function checkBase64(data: string, path: string): string {
  if (BASE64.test(data)) return data;
  // Line breaks are legal where the bytes come from, but not in this API.
  const joined = data.replace(/\s+/g, "");
  if (BASE64.test(joined)) return joined;
  throw new InvalidRequest(`${path}: not valid base64`, { param: path });
}

function foreignFile(path: string): UnsupportedParameter {
  return new UnsupportedParameter(path, "file ids stay with the provider that made them");
}

function encodeImage(part: ImagePart, target: Target): JsonObject {
  const path = part.path ?? "image";
  if (part.detail !== undefined && part.detail !== "auto") {
    target.losses.add(`${path}.detail`, "not in this dialect");
  }
  const { source } = part;
  switch (source.from) {
    case "base64": {
      const type = plainMediaType(source.mediaType);
      if (!IMAGE_TYPES.has(type)) {
        throw new InvalidRequest(
          `${path}: ${type || "no media type"} is not png, jpeg, gif or webp`,
          {
            param: path,
          },
        );
      }
      const data = checkBase64(source.data, path);
      return { type: "image", source: { type: "base64", media_type: type, data } };
    }
    case "url":
      return { type: "image", source: { type: "url", url: source.url } };
    case "file":
      if (source.format !== "messages") throw foreignFile(path);
      return { type: "image", source: { type: "file", file_id: source.fileId } };
    case "text":
      throw new InvalidRequest(`${path}: an image cannot be text`, { param: path });
  }
}

function documentSource({ source, path = "document" }: DocumentPart): JsonObject {
  switch (source.from) {
    case "base64": {
      const type = plainMediaType(source.mediaType);
      const data = checkBase64(source.data, path);
      if (type === "application/pdf") return { type: "base64", media_type: type, data };
      if (type.startsWith("text/")) {
        const text = new TextDecoder().decode(Uint8Array.fromBase64(data));
        return { type: "text", media_type: "text/plain", data: text };
      }
      throw new InvalidRequest(`${path}: ${type || "no media type"} is neither a PDF nor text`, {
        param: path,
      });
    }
    case "url":
      return { type: "url", url: source.url };
    case "file":
      if (source.format !== "messages") throw foreignFile(path);
      return { type: "file", file_id: source.fileId };
    case "text":
      return { type: "text", media_type: "text/plain", data: source.text };
  }
}

function encodeDocument(part: DocumentPart): JsonObject {
  return {
    type: "document",
    source: documentSource(part),
    ...(part.title !== undefined && { title: part.title }),
    ...(part.context !== undefined && { context: part.context }),
    ...(part.citations && { citations: { enabled: true } }),
  };
}

/** The opaque string when this upstream minted it; undefined when it is somebody else's. */
function ownState(carrier: Carrier | undefined, { provider }: Target): string | undefined {
  if (carrier?.format !== "messages") return undefined;
  const isOwn = carrier.provider === undefined || carrier.provider === provider;
  return isOwn ? carrier.data : undefined;
}

function encodeThinking(part: ThinkingPart, target: Target): JsonObject | undefined {
  const data = ownState(part.carrier, target);
  if (data === undefined) {
    // Unsigned thinking is refused by the API, and shown as text it would become an answer.
    target.losses.add(part.path ?? "reasoning", "reasoning of another provider, left out");
    return undefined;
  }
  if (part.carrier?.kind === "redacted") return { type: "redacted_thinking", data };
  return { type: "thinking", thinking: part.text, signature: data };
}

function encodeToolCall(part: ToolCallPart, target: Target): JsonObject {
  const path = part.path ?? "tool call";
  if (part.isFreeform || part.namespace !== undefined) {
    throw new UnsupportedParameter(path, "this dialect has no freeform tools and no namespaces");
  }
  const { input, isWrapped } = toolInput(part.arguments);
  if (isWrapped) target.losses.add(path, "arguments are no JSON object, wrapped");
  return { type: "tool_use", id: legalToolId(part.id, "messages"), name: part.name, input };
}

function encodeToolResult(part: ToolResultPart, target: Target): JsonObject {
  const blocks = part.parts
    .map((inner) => encodePart(inner, target))
    .filter((block) => block !== undefined);
  const only = blocks.length === 1 ? blocks[0] : undefined;
  const content = only?.type === "text" ? only.text : blocks;
  return {
    type: "tool_result",
    tool_use_id: legalToolId(part.id, "messages"),
    ...(blocks.length > 0 && { content }),
    ...(part.isError && { is_error: true }),
  };
}

/** One line for a provider-run tool of another provider, so that the model knows it ran. */
function encodeServerTool(part: ServerToolPart, target: Target): JsonObject {
  if (part.format === "messages") return part.raw;
  target.losses.add(part.path ?? part.type, "a provider-run tool, told as text");
  const action = isJsonObject(part.raw.action) ? part.raw.action : part.raw;
  const query = typeof action.query === "string" ? `: ${action.query}` : "";
  return { type: "text", text: `[server tool ${part.type}${query}]` };
}

function encodeText(text: string): JsonObject | undefined {
  // The API refuses text blocks that are empty or blank.
  return text.trim() === "" ? undefined : { type: "text", text };
}

/** One block; undefined for what is empty or cannot be sent. Throws for what must not be dropped. */
export function encodePart(part: Part, target: Target): JsonObject | undefined {
  switch (part.kind) {
    case "text":
      if (part.citations?.length) target.losses.add(`${part.path ?? "text"}.citations`, "dropped");
      return encodeText(part.text);
    case "refusal":
      target.losses.add(part.path ?? "refusal", "told as text");
      return encodeText(part.text);
    case "image":
      return encodeImage(part, target);
    case "document":
      return encodeDocument(part);
    case "audio":
      throw new UnsupportedParameter(part.path ?? "audio", "the upstream takes no audio");
    case "thinking":
      return encodeThinking(part, target);
    case "redacted": {
      const data = ownState(part.carrier, target);
      if (data !== undefined) return { type: "redacted_thinking", data };
      target.losses.add(part.path ?? "reasoning", "reasoning of another provider, left out");
      return undefined;
    }
    case "toolCall":
      return encodeToolCall(part, target);
    case "toolResult":
      return encodeToolResult(part, target);
    case "serverTool":
      return encodeServerTool(part, target);
  }
}
