// Turns → `messages`: roles alternate, the first is the user's, and in a user message the results of
// the assistant's calls come before everything else. Instructions in mid-conversation stay where they are, as such
// where the model takes them there. Refuses a conversation that nobody began.

import type { JsonObject, Turn } from "#wire";
import { InvalidRequest } from "../../errors.ts";
import type { Target } from "../format.ts";
import { modelAbilities } from "./claude-models.ts";
import { encodePart } from "./content-encoder.ts";

interface Message {
  readonly role: "user" | "assistant" | "system";
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
  return { role: turn.role, path, blocks };
}

function merge(messages: readonly Message[]): Message[] {
  const merged: Message[] = [];
  for (const message of messages) {
    const last = merged.at(-1);
    if (last?.role === message.role) last.blocks.push(...message.blocks);
    else merged.push({ ...message, blocks: [...message.blocks] });
  }
  return merged;
}

/** Where the API takes instructions, several as one: behind the user, and before the assistant or at the end. */
function isSystemPlace(messages: readonly Message[], position: number): boolean {
  const isOther = ({ role }: Message) => role !== "system";
  const before = messages.slice(0, position).findLast(isOther);
  const behind = messages.slice(position).find(isOther);
  return before?.role === "user" && (behind?.role ?? "assistant") === "assistant";
}

function withReminders(messages: readonly Message[], target: Target): Message[] {
  const { hasSystemTurns } = modelAbilities(target.model);
  return messages.map((message, position) => {
    const { role, path, blocks } = message;
    if (role !== "system" || (hasSystemTurns && isSystemPlace(messages, position))) return message;
    target.losses.add(`${path}.role`, "system in mid-conversation is a user reminder");
    return { role: "user", path, blocks: blocks.map(asReminder) };
  });
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
  const whole = turns
    .map((turn) => encodeTurn(turn, target))
    .filter(({ blocks }) => blocks.length > 0);
  const merged = merge(withReminders(whole, target));
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
