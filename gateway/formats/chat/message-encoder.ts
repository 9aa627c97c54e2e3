// Turns → `messages`, in the order OpenAI demands: tool messages directly after the calls they answer,
// then their images, then whatever else was said. Refuses to show opaque state as text.

import type {
  ConversationRequest,
  JsonObject,
  Part,
  ServerToolPart,
  TextPart,
  ToolResultPart,
  Turn,
} from "#wire";
import { isJsonObject } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Quirks, Target } from "../format.ts";
import { legalToolId, nineCharToolId } from "../tool-id.ts";
import { encodeContent, encodeUserPart, type UserPart } from "./content-encoder.ts";
import { nativeDetails } from "./reasoning-details.ts";
import { encodeToolCall } from "./reply.ts";

/** Claude Code's accounting line changes with every request and would spoil the prompt cache. */
const BILLING_HEADER = "x-anthropic-billing-header:";

function textParts(parts: readonly Part[]): TextPart[] {
  return parts.filter((part) => part.kind === "text");
}

function encodeTexts(parts: readonly TextPart[]): string | JsonObject[] {
  return encodeContent(parts.map(({ text }) => ({ type: "text", text })));
}

function encodeInstructions(instructions: readonly TextPart[]): JsonObject[] {
  const kept = instructions.filter(({ text }) => text !== "" && !text.startsWith(BILLING_HEADER));
  return kept.length === 0 ? [] : [{ role: "system", content: encodeTexts(kept) }];
}

/** One line for what a provider did by itself; only its own dialect can carry the block. */
function serverToolText({ type, raw, path }: ServerToolPart, target: Target): string {
  if (type.includes("compaction")) {
    throw new UnsupportedParameter(path ?? "messages", "compacted history belongs to one provider");
  }
  target.losses.add(path ?? type, "server tool became text");
  const input = [raw["input"], raw["action"]].find(isJsonObject);
  const query = typeof input?.["query"] === "string" ? `: ${input["query"]}` : "";
  const count = Array.isArray(raw["content"]) ? ` → ${raw["content"].length} results` : "";
  const name = typeof raw["name"] === "string" ? raw["name"] : type;
  return `[server tool ${name}${query}${count}]`;
}

function reasoningFields(parts: readonly Part[], target: Target): JsonObject {
  const thinking = parts.filter((part) => part.kind === "thinking" || part.kind === "redacted");
  const details = thinking.flatMap(({ carrier }) =>
    carrier?.format === "chat" && (carrier.provider ?? target.provider) === target.provider
      ? nativeDetails(carrier)
      : [],
  );
  const text = thinking.map((part) => (part.kind === "thinking" ? part.text : "")).join("");
  const wantsText = target.quirks.wantsReasoningContent === true;
  const isLost = thinking.length > 0 && details.length === 0 && !(wantsText && text !== "");
  if (isLost) target.losses.add("thinking", "the upstream takes no reasoning back");
  const hasCalls = parts.some((part) => part.kind === "toolCall");
  return {
    // DeepSeek and Kimi refuse a turn with calls that lacks the field.
    ...(wantsText && (text !== "" || hasCalls) && { reasoning_content: text }),
    ...(details.length > 0 && { reasoning_details: details }),
  };
}

function toolId(id: string, { hasNineCharToolIds }: Quirks): string {
  return hasNineCharToolIds ? nineCharToolId(id) : legalToolId(id, "chat");
}

/** Who speaks, where the host takes names. */
function speakerOf(name: string | undefined, { quirks, losses }: Target): { name?: string } {
  if (name === undefined) return {};
  if (!quirks.hasNoNames) return { name };
  losses.add("messages.name", "the upstream takes no names");
  return {};
}

function encodeCalls(parts: readonly Part[], { quirks }: Target): JsonObject[] {
  const calls = parts.filter((part) => part.kind === "toolCall");
  return calls.map((call) => {
    const path = call.path ?? "messages";
    if (call.namespace !== undefined) {
      throw new UnsupportedParameter(path, "Chat Completions has no tool namespaces");
    }
    if (call.isFreeform && quirks.hasNoFreeformTools) {
      throw new UnsupportedParameter(path, "the upstream has no freeform tools");
    }
    const id = toolId(call.id, quirks);
    return { ...encodeToolCall(call), id };
  });
}

function encodeAssistant(parts: readonly Part[], name: string | undefined, target: Target) {
  const texts: JsonObject[] = [];
  let refusal = "";
  for (const part of parts) {
    if (part.kind === "text" && part.text !== "") texts.push({ type: "text", text: part.text });
    else if (part.kind === "refusal") refusal += part.text;
    else if (part.kind === "serverTool") {
      texts.push({ type: "text", text: serverToolText(part, target) });
    } else if (part.kind === "image" || part.kind === "document" || part.kind === "audio") {
      const path = part.path ?? "messages";
      const message = `${path}: an assistant message cannot hold ${part.kind} parts`;
      throw new InvalidRequest(message, { param: path });
    }
  }
  const calls = encodeCalls(parts, target);
  const isBare = calls.length === 0 && refusal === "";
  return {
    role: "assistant",
    content: texts.length > 0 ? encodeContent(texts) : isBare ? "" : null,
    ...speakerOf(name, target),
    ...(refusal !== "" && { refusal }),
    ...reasoningFields(parts, target),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

const REMINDED = "system in mid-conversation is a user reminder";

/** Instructions in mid-conversation keep their place: at the top they would change the order of words. */
function asReminder(part: TextPart): TextPart {
  return { ...part, text: `<system-reminder>\n${part.text}\n</system-reminder>` };
}

const MOVED_MEDIA = /^\[(?:image|document|audio) \d+ of the tool results\]$/;

/** True for the user message that media of tool results were moved to: nobody said it. */
export function isMovedMedia({ role, content }: JsonObject): boolean {
  if (role !== "user" || !Array.isArray(content) || content.length === 0) return false;
  const texts = content.filter((part) => isJsonObject(part) && part["type"] === "text");
  return (
    texts.length > 0 &&
    texts.every((part) => isJsonObject(part) && MOVED_MEDIA.test(String(part["text"])))
  );
}

/** What followed an assistant turn: results go first, then their media, then the rest. */
class Answers {
  readonly #target: Target;
  readonly #results: JsonObject[] = [];
  readonly #media: JsonObject[] = [];
  readonly #rest: JsonObject[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  addTurn({ role, parts, name, path }: Turn): void {
    const speaker = speakerOf(name, this.#target);
    if (role === "system") {
      const developer = this.#target.quirks.hasNoDeveloperRole ? "system" : "developer";
      const texts = textParts(parts).filter(({ text }) => !text.startsWith(BILLING_HEADER));
      if (texts.length === 0) return;
      if (this.#target.quirks.hasLeadingSystemOnly) {
        this.#target.losses.add(`${path ?? "messages"}.role`, REMINDED);
        this.#rest.push({ role: "user", content: encodeTexts(texts.map(asReminder)), ...speaker });
        return;
      }
      this.#rest.push({ role: developer, content: encodeTexts(texts), ...speaker });
      return;
    }
    const said: UserPart[] = [];
    for (const part of parts) {
      if (part.kind === "toolResult") this.#addResult(part);
      else if (isUserPart(part)) said.push(part);
      else this.#refuse(part);
    }
    if (said.length === 0) return;
    const content = encodeContent(said.map((part) => encodeUserPart(part, this.#target)));
    this.#rest.push({ role: "user", content, ...speaker });
  }

  get messages(): JsonObject[] {
    const media = this.#media.length > 0 ? [{ role: "user", content: [...this.#media] }] : [];
    return [...this.#results, ...media, ...this.#rest];
  }

  #refuse(part: Part): never {
    const path = part.path ?? "messages";
    const message = `${path}: a user message cannot hold ${part.kind} parts`;
    throw new InvalidRequest(message, { param: path });
  }

  #addResult({ id, parts, isError, path }: ToolResultPart): void {
    const { losses } = this.#target;
    const texts = parts.map((part) => {
      if (part.kind === "text") return { type: "text", text: part.text };
      const encoded = encodeUserPart(part, this.#target);
      if (encoded["type"] === "text") return encoded;
      return { type: "text", text: this.#moveMedia(part.kind, encoded, part.path) };
    });
    if (isError) {
      losses.add(`${path ?? "messages"}.is_error`, "error flag became a text prefix");
      const first = texts[0];
      if (first) texts[0] = { ...first, text: `[tool error] ${String(first["text"])}` };
      else texts.push({ type: "text", text: "[tool error]" });
    }
    const content = encodeContent(texts);
    this.#results.push({ role: "tool", tool_call_id: toolId(id, this.#target.quirks), content });
  }

  #moveMedia(kind: string, part: JsonObject, path: string | undefined): string {
    this.#target.losses.add(path ?? "messages", `${kind} moved out of the tool result`);
    const label = `[${kind} ${this.#media.length / 2 + 1} of the tool results]`;
    this.#media.push({ type: "text", text: label }, part);
    return `${label} follows in the next user message`;
  }
}

function isUserPart(part: Part): part is UserPart {
  const { kind } = part;
  return (
    kind === "text" ||
    kind === "refusal" ||
    kind === "image" ||
    kind === "document" ||
    kind === "audio"
  );
}

/** Neighbouring assistant turns as one when calls are in play: results must follow all of them. */
function assistantRuns(run: readonly Turn[]): Turn[] {
  const hasCalls = run.some(({ parts }) => parts.some((part) => part.kind === "toolCall"));
  const [first] = run;
  if (!hasCalls || !first) return [...run];
  return [{ ...first, parts: run.flatMap(({ parts }) => parts) }];
}

/** The whole `messages` list of a request. */
export function encodeMessages(request: ConversationRequest, target: Target): JsonObject[] {
  const messages = encodeInstructions(request.instructions);
  const { turns } = request;
  for (let index = 0; index < turns.length;) {
    const isAssistant = turns[index]?.role === "assistant";
    const start = index;
    while (index < turns.length && (turns[index]?.role === "assistant") === isAssistant) index += 1;
    const run = turns.slice(start, index);
    for (const { phase, path = "messages" } of run) {
      if (phase !== undefined) target.losses.add(`${path}.phase`, "no place in Chat Completions");
    }
    if (isAssistant) {
      for (const { parts, name } of assistantRuns(run)) {
        messages.push(encodeAssistant(parts, name, target));
      }
      continue;
    }
    const answers = new Answers(target);
    for (const turn of run) answers.addTurn(turn);
    messages.push(...answers.messages);
  }
  return messages;
}
