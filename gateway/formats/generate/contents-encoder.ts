// Turns → `contents`: roles alternate, the first is the user's and so is the last. Refuses a conversation that
// nobody began, and an answer to be continued: the model would begin a new one.

import type { JsonObject, Part, ToolCallPart, Turn } from "#wire";
import { InvalidRequest } from "../../errors.ts";
import type { Target } from "../format.ts";
import { encodeModelParts } from "./model-encoder.ts";
import { encodeUserParts } from "./user-encoder.ts";

interface Group {
  readonly role: "user" | "model";
  readonly path: string;
  readonly parts: Part[];
}

/** Instructions in mid-conversation keep their place: at the top they would change the order of words. */
function asReminder(part: Part): Part {
  if (part.kind !== "text") return part;
  return { kind: "text", text: `<system-reminder>\n${part.text}\n</system-reminder>` };
}

function groupOf(turn: Turn, target: Target): Group {
  const path = turn.path ?? "messages";
  if (turn.name !== undefined) target.losses.add(`${path}.name`, "not in this dialect");
  if (turn.phase !== undefined) target.losses.add(`${path}.phase`, "not in this dialect");
  if (turn.role === "assistant") return { role: "model", path, parts: [...turn.parts] };
  if (turn.role === "user") return { role: "user", path, parts: [...turn.parts] };
  target.losses.add(`${path}.role`, "system in mid-conversation is a user reminder");
  return { role: "user", path, parts: turn.parts.map(asReminder) };
}

function groupTurns(turns: readonly Turn[], target: Target): Group[] {
  const groups: Group[] = [];
  for (const turn of turns) {
    const group = groupOf(turn, target);
    const last = groups.at(-1);
    if (last?.role === group.role) last.parts.push(...group.parts);
    else groups.push(group);
  }
  return groups;
}

interface Content {
  readonly role: "user" | "model";
  readonly path: string;
  readonly parts: JsonObject[];
}

function encodeGroups(groups: readonly Group[], target: Target): Content[] {
  const calls = new Map<string, ToolCallPart>();
  const contents: Content[] = [];
  for (const { role, path, parts } of groups) {
    for (const part of parts) if (part.kind === "toolCall") calls.set(part.id, part);
    const encoded =
      role === "model"
        ? encodeModelParts(parts, target)
        : encodeUserParts(parts, { calls, target });
    const last = contents.at(-1);
    if (encoded.length === 0) continue;
    // What stood between two contents of one role may have been empty.
    if (last?.role === role) last.parts.push(...encoded);
    else contents.push({ role, path, parts: encoded });
  }
  return contents;
}

/** The contents of a request. Throws InvalidRequest when there is none, or the user has not the first and last word. */
export function encodeContents(turns: readonly Turn[], target: Target): JsonObject[] {
  const contents = encodeGroups(groupTurns(turns, target), target);
  const [first] = contents;
  const last = contents.at(-1);
  if (!first || !last) {
    throw new InvalidRequest("at least one user message with content is needed", {
      param: turns[0]?.path ?? "messages",
    });
  }
  if (first.role === "model") {
    throw new InvalidRequest(`${first.path}: the first message must be the user's`, {
      param: first.path,
    });
  }
  if (last.role === "model") {
    throw new InvalidRequest(`${last.path}: this upstream cannot continue an answer`, {
      code: "prefill_not_supported",
      param: last.path,
    });
  }
  return contents.map(({ role, parts }) => ({ role, parts }));
}
