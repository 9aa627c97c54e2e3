// Content blocks of a Messages request → canonical parts, in order. An unknown block type is refused
// with its path: skipping it would change what the model reads.

import type { JsonObject, Part, ToolResultPart } from "#wire";
import { isCarrier } from "#wire";
import { z } from "zod";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import { AnyObject, Ignored, parseAt, type Place } from "./body-fields.ts";
import { decodeCitations } from "./citations.ts";
import { decodeDocument, decodeImage, decodeSearchResult, isBlockList } from "./media-decoder.ts";
import { decodeState } from "./opaque-state.ts";

const Text = z.object({
  type: z.literal("text"),
  text: z.string(),
  citations: z.array(AnyObject).nullish(),
  cache_control: Ignored,
});
const Thinking = z.object({
  type: z.literal("thinking"),
  thinking: z.string(),
  signature: z.string().nullish(),
});
const Redacted = z.object({ type: z.literal("redacted_thinking"), data: z.string() });
const ToolUse = z.object({
  type: z.literal("tool_use"),
  id: z.string().min(1),
  name: z.string().min(1),
  input: AnyObject,
  caller: Ignored,
  toolset_name: Ignored,
  cache_control: Ignored,
});
const ToolResult = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string().min(1),
  content: z.union([z.string(), z.array(AnyObject)]).nullish(),
  is_error: z.boolean().nullish(),
  toolset_name: Ignored,
  cache_control: Ignored,
});

type Role = "user" | "assistant";
type BlockDecoder = (block: JsonObject, place: Place) => Part | undefined;

/** Blocks whose content only Anthropic's own servers can resolve. */
const UNRESOLVABLE: ReadonlyMap<string, string> = new Map([
  ["container_upload", "files of a container stay with the provider that made them"],
  ["compaction", "a compaction can only be read by the provider that made it"],
  ["tool_reference", "tool search results only work at the provider that made them"],
  ["browser_state", "browser state only works at the provider that runs the toolset"],
]);

/** Blocks that only mark something for the provider; what they say is elsewhere in the history. */
const MARKERS: ReadonlySet<string> = new Set(["fallback", "mcp_tool_listing"]);

const SERVER_BLOCK = /^(?:server_tool_use|mcp_tool_use|(?:[a-z0-9_]+)_tool_result)$/;

function decodeText(block: JsonObject, place: Place): Part {
  const { text } = parseAt(Text, block, place);
  const citations = decodeCitations(block.citations);
  return { kind: "text", text, ...(citations.length > 0 && { citations }), path: place.path };
}

function decodeThinking(block: JsonObject, place: Place): Part {
  const { thinking, signature } = parseAt(Thinking, block, place);
  const carrier = decodeState(signature ?? "", "signature");
  if (!carrier && isCarrier(signature ?? "") && thinking === "") {
    place.losses.add(`${place.path}.signature`, "unreadable reasoning state, dropped");
  }
  return { kind: "thinking", text: thinking, ...(carrier && { carrier }), path: place.path };
}

function decodeRedacted(block: JsonObject, place: Place): Part | undefined {
  const carrier = decodeState(parseAt(Redacted, block, place).data, "redacted");
  if (carrier) return { kind: "redacted", carrier, path: place.path };
  place.losses.add(`${place.path}.data`, "unreadable reasoning state, dropped");
  return undefined;
}

function decodeToolUse(block: JsonObject, place: Place): Part {
  const { id, name, input } = parseAt(ToolUse, block, place);
  return { kind: "toolCall", id, name, arguments: JSON.stringify(input), path: place.path };
}

const RESULT_BLOCKS = {
  text: decodeText,
  image: decodeImage,
  document: decodeDocument,
  search_result: decodeSearchResult,
} as const;

function decodeResultBlock(block: JsonObject, place: Place): ToolResultPart["parts"][number] {
  const type = blockType(block, place);
  const decode = new Map<string, BlockDecoder>(Object.entries(RESULT_BLOCKS)).get(type);
  const part = decode?.(block, place);
  if (part?.kind === "text" || part?.kind === "image" || part?.kind === "document") return part;
  throw unknownBlock(type, place);
}

function decodeToolResult(block: JsonObject, place: Place): Part {
  const { tool_use_id, content, is_error } = parseAt(ToolResult, block, place);
  const path = `${place.path}.content`;
  const parts =
    typeof content === "string"
      ? [{ kind: "text", text: content, path } as const]
      : (content ?? []).map((inner, index) =>
          decodeResultBlock(inner, { path: `${path}[${index}]`, losses: place.losses }),
        );
  return {
    kind: "toolResult",
    id: tool_use_id,
    parts,
    ...(is_error === true && { isError: true }),
    path: place.path,
  };
}

const DECODERS: Readonly<Record<Role, ReadonlyMap<string, BlockDecoder>>> = {
  user: new Map<string, BlockDecoder>([
    ...Object.entries(RESULT_BLOCKS),
    ["tool_result", decodeToolResult],
  ]),
  assistant: new Map<string, BlockDecoder>([
    ["text", decodeText],
    ["image", decodeImage],
    ["thinking", decodeThinking],
    ["redacted_thinking", decodeRedacted],
    ["tool_use", decodeToolUse],
  ]),
};

/** The `type` of a block; throws when it has none. */
export function blockType(block: JsonObject, { path }: Place): string {
  if (typeof block.type === "string") return block.type;
  const param = `${path}.type`;
  throw new InvalidRequest(`${param}: Field required`, {
    code: "missing_required_parameter",
    param,
  });
}

/** The error for a block type that cannot stand here. */
export function unknownBlock(type: string, { path }: Place): InvalidRequest {
  const reason = UNRESOLVABLE.get(type);
  if (reason !== undefined) return new UnsupportedParameter(path, reason);
  const param = `${path}.type`;
  return new InvalidRequest(
    `${param}: content block type ${JSON.stringify(type)} is not known here`,
    {
      param,
    },
  );
}

function decodeBlock(block: JsonObject, role: Role, place: Place): Part | undefined {
  const type = blockType(block, place);
  const decode = DECODERS[role].get(type);
  if (decode) return decode(block, place);
  if (MARKERS.has(type)) {
    place.losses.add(place.path, `${type} marker, not carried`);
    return undefined;
  }
  if (SERVER_BLOCK.test(type) && type !== "tool_result") {
    return { kind: "serverTool", format: "messages", type, raw: block, path: place.path };
  }
  throw unknownBlock(type, place);
}

/** The blocks of a message; a plain string is one text part. Throws InvalidRequest for anything else. */
export function decodeContent(content: unknown, role: Role, place: Place): Part[] {
  const path = `${place.path}.content`;
  if (typeof content === "string") return [{ kind: "text", text: content, path }];
  if (!isBlockList(content)) {
    throw new InvalidRequest(`${path}: expected a string or an array of content blocks`, {
      param: path,
    });
  }
  return content
    .map((block, index) =>
      decodeBlock(block, role, { path: `${path}[${index}]`, losses: place.losses }),
    )
    .filter((part) => part !== undefined);
}
