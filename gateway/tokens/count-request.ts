// How many tokens a conversation has before it is sent: text by a real tokenizer (o200k), images and documents by
// rule. For upstreams that cannot count; how they frame messages is not known, so a frame is a round figure.

import type { ConversationRequest, Part, Tool } from "#wire";
import { documentTokens, imageTokens } from "./media-tokens.ts";
import type { CountText } from "./tokenizer.ts";

/** What marks where a message begins and who speaks; the first is free, so that a lone text costs its text. */
export const FRAME_TOKENS = 3;
/** What a tool costs beside its name, description and schema. */
export const TOOL_FRAME_TOKENS = 8;

/** Tokens of everything the model would read. */
export async function countRequest(
  request: ConversationRequest,
  countText: CountText,
): Promise<number> {
  const measured = new Measure();
  for (const { text } of request.instructions) measured.texts.push(text);
  measured.tokens += FRAME_TOKENS * Math.max(0, request.turns.length - 1);
  for (const part of request.turns.flatMap(({ parts }) => parts)) measured.part(part);
  for (const tool of request.tools) measured.tool(tool);
  if (request.output?.kind === "json_schema") measured.json(request.output.schema);
  return (await countText(measured.texts)) + measured.tokens;
}

/** Texts to be counted, and tokens known by rule. */
class Measure {
  readonly texts: string[] = [];
  tokens = 0;

  tool(tool: Tool): void {
    this.tokens += TOOL_FRAME_TOKENS;
    if (tool.kind === "hosted") return this.json(tool.raw);
    this.texts.push(tool.name, tool.description ?? "");
    if (tool.kind === "function") this.json(tool.schema);
    else this.texts.push(tool.grammar?.definition ?? "");
  }

  part(part: Part): void {
    switch (part.kind) {
      case "text":
      case "refusal":
      case "thinking":
        this.texts.push(part.text);
        return;
      case "toolCall":
        this.texts.push(part.name, part.arguments);
        return;
      case "toolResult":
        for (const inner of part.parts) this.part(inner);
        return;
      case "image":
        this.tokens += imageTokens(part.source);
        return;
      case "document":
        if (part.source.from === "text") this.texts.push(part.source.text);
        else this.tokens += documentTokens(part.source);
        return;
      case "serverTool":
        return this.json(part.raw);
      default:
        // Sealed reasoning and sound: nobody but their maker can tell.
        return;
    }
  }

  json(value: object): void {
    this.texts.push(JSON.stringify(value));
  }
}
