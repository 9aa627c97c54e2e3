// Turns → `messages`: roles alternate, the first is the user's, and in a user message the results of
// the assistant's calls come before everything else. Refuses a conversation that nobody began.

import type { JsonObject, Turn } from "#wire";
import { InvalidRequest } from "../../errors.ts";
import type { Target } from "../format.ts";
import { encodePart } from "./content-encoder.ts";

interface Message {
  readonly role: "user" | "assistant";
  readonly path: string;
  readonly blocks: JsonObject[];
}

/** Instructions in mid-conversation keep their place: at the top they would change the order of words. */
function asReminder(block: JsonObject): JsonObject {
  if (block.type !== "text") return block;
  return { type: "text", text: `<system-reminder>\n${String(block.text)}\n</system-reminder>` };
}

function encodeTurn(turn: Turn, target: Target): Message {
  const path = turn.path ?? "messages";
  if (turn.name !== undefined) target.losses.add(`${path}.name`, "not in this dialect");
  if (turn.phase !== undefined) target.losses.add(`${path}.phase`, "not in this dialect");
  const blocks = turn.parts
    .map((part) => encodePart(part, target))
    .filter((block) => block !== undefined);
  if (turn.role !== "system") return { role: turn.role, path, blocks };
  target.losses.add(`${path}.role`, "system in mid-conversation is a user reminder");
  return { role: "user", path, blocks: blocks.map(asReminder) };
}

function resultsFirst(blocks: readonly JsonObject[]): JsonObject[] {
  const isResult = (block: JsonObject) => block.type === "tool_result";
  return [...blocks.filter(isResult), ...blocks.filter((block) => !isResult(block))];
}

/** A trailing assistant message is a prefill; the API refuses one that ends in white space. */
function trimPrefill(messages: JsonObject[], target: Target): void {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || !Array.isArray(last.content)) return;
  const block = last.content.at(-1);
  if (typeof block !== "object" || block === null || Array.isArray(block)) return;
  if (typeof block.text !== "string" || block.text.trimEnd() === block.text) return;
  block.text = block.text.trimEnd();
  target.losses.add("messages", "white space at the end of the last answer removed");
}

/** The messages of a request. Throws InvalidRequest when there is none, or the first is an answer. */
export function encodeTurns(turns: readonly Turn[], target: Target): JsonObject[] {
  const merged: Message[] = [];
  for (const turn of turns) {
    const message = encodeTurn(turn, target);
    const last = merged.at(-1);
    if (message.blocks.length === 0) continue;
    if (last?.role === message.role) last.blocks.push(...message.blocks);
    else merged.push(message);
  }
  const first = merged[0];
  if (!first) {
    throw new InvalidRequest("at least one user message with content is needed", {
      param: turns[0]?.path ?? "messages",
    });
  }
  if (first.role === "assistant") {
    throw new InvalidRequest(`${first.path}: the first message must be the user's`, {
      param: first.path,
    });
  }
  const messages = merged.map(({ role, blocks }) => ({
    role,
    content: role === "user" ? resultsFirst(blocks) : blocks,
  }));
  trimPrefill(messages, target);
  return messages;
}
