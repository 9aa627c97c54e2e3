// The `messages` of a request → turns. A system message in mid-conversation keeps its place; the tools
// it adds or removes change the request's list, because other dialects have one list per request.

import type { JsonObject, TextPart, Tool, Turn } from "#wire";
import { z } from "zod";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Losses } from "../losses.ts";
import { AnyObject, Ignored, parseAt, type Place } from "./body-fields.ts";
import { blockType, decodeContent, unknownBlock } from "./content-decoder.ts";
import { isBlockList } from "./media-decoder.ts";
import { decodeTool, toolName } from "./tool-decoder.ts";

const Message = z.object({ role: z.enum(["user", "assistant"]), content: z.unknown() });
const SystemMessage = z.object({
  role: z.literal("system"),
  content: z.union([z.string(), z.array(AnyObject)]).nullish(),
  output_config: z.object({ effort: z.string().nullish() }).nullish(),
  clear_at: z.string().nullish(),
});
const SystemText = z.object({
  type: z.literal("text"),
  text: z.string(),
  citations: Ignored,
  cache_control: Ignored,
});
const ToolChange = z.object({ type: z.string(), tool: AnyObject, cache_control: Ignored });

/** What the messages say, beside the turns themselves. */
export interface DecodedTurns {
  readonly turns: Turn[];
  /** The request's tools after every change a system message made. */
  readonly tools: Tool[];
  /** Effort of the last system message that set one. */
  readonly effort?: string;
}

/** Text blocks of `system` or of a system message. */
export function decodeSystemText(block: JsonObject, place: Place): TextPart {
  const { text } = parseAt(SystemText, block, place);
  return { kind: "text", text, path: place.path };
}

function changeTools(tools: Tool[], block: JsonObject, place: Place): Tool[] {
  const { type, tool } = parseAt(ToolChange, block, place);
  const inner = { path: `${place.path}.tool`, losses: place.losses };
  if (typeof tool.type === "string" && tool.type.startsWith("mcp_")) {
    throw new UnsupportedParameter(inner.path, "the upstream cannot use MCP servers of Anthropic");
  }
  const isReference = tool.type === "tool_reference";
  if (type === "tool_removal") {
    place.losses.add(place.path, "tool removed from the whole request");
    return tools.filter((one) => toolName(one) !== tool.name);
  }
  place.losses.add(place.path, isReference ? "tool loaded at once" : "tool added to the request");
  if (!isReference) return [...tools, decodeTool(tool, inner)];
  if (tools.some((one) => toolName(one) === tool.name)) return tools;
  throw new InvalidRequest(`${inner.path}: no tool is named ${JSON.stringify(tool.name)}`, {
    param: inner.path,
  });
}

class TurnList {
  readonly turns: Turn[] = [];
  readonly #losses: Losses;
  tools: Tool[];
  effort: string | undefined;

  constructor(tools: readonly Tool[], losses: Losses) {
    this.tools = [...tools];
    this.#losses = losses;
  }

  add(message: JsonObject, path: string): void {
    const place = { path, losses: this.#losses };
    if (message.role === "system") {
      this.#addSystem(message, place);
      return;
    }
    const { role, content } = parseAt(Message, message, place);
    this.turns.push({ role, parts: decodeContent(content, role, place), path });
  }

  #addSystem(message: JsonObject, place: Place): void {
    const { content, output_config, clear_at } = parseAt(SystemMessage, message, place);
    if (clear_at && clear_at !== "never") {
      place.losses.add(`${place.path}.clear_at`, "kept for the whole conversation");
    }
    if (typeof output_config?.effort === "string") {
      this.effort = output_config.effort;
      place.losses.add(`${place.path}.output_config.effort`, "applied to the whole request");
    }
    const parts = this.#systemParts(content ?? [], place);
    if (parts.length > 0) this.turns.push({ role: "system", parts, path: place.path });
  }

  #systemParts(content: string | JsonObject[], { path, losses }: Place): TextPart[] {
    if (typeof content === "string") {
      return [{ kind: "text", text: content, path: `${path}.content` }];
    }
    const parts: TextPart[] = [];
    for (const [index, block] of content.entries()) {
      const place = { path: `${path}.content[${index}]`, losses };
      const type = blockType(block, place);
      if (type === "text") parts.push(decodeSystemText(block, place));
      else if (type === "tool_addition" || type === "tool_removal") {
        this.tools = changeTools(this.tools, block, place);
      } else throw unknownBlock(type, place);
    }
    return parts;
  }
}

/** Every message, in order. Throws InvalidRequest with the path of the first one that is wrong. */
export function decodeTurns(
  messages: unknown,
  tools: readonly Tool[],
  losses: Losses,
): DecodedTurns {
  if (!isBlockList(messages) || messages.length === 0) {
    throw new InvalidRequest("messages: expected an array with at least one message", {
      param: "messages",
    });
  }
  const list = new TurnList(tools, losses);
  for (const [index, message] of messages.entries()) list.add(message, `messages[${index}]`);
  return {
    turns: list.turns,
    tools: list.tools,
    ...(list.effort !== undefined && { effort: list.effort }),
  };
}
