// Turns → input items of a Responses upstream. Assistant texts are output_text, results are items of their
// own, and reasoning goes back only to the provider that made it: foreign state is dropped, never shown.

import type { Carrier, ConversationRequest, JsonObject, Part, Turn } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { legalToolId } from "../tool-id.ts";
import { encodeInputPart, encodeResult, type InputPart, inputText } from "./content-encoder.ts";

/** `instructions` and `input` of a body; throws UnsupportedParameter for what cannot cross. */
export function encodeInput(request: ConversationRequest, target: Target): JsonObject {
  refusePrefill(request.turns);
  const role = target.quirks.hasNoDeveloperRole ? "system" : "developer";
  const writer = new InputWriter(request.turns, role, target);
  const [only, ...others] = request.instructions;
  // One block fits `instructions`, unless nothing else is said: an empty input is refused. Several keep
  // their boundaries as one developer message.
  const isMessage = others.length > 0 || request.turns.length === 0;
  if (isMessage && only)
    writer.message(
      role,
      request.instructions.map((part) => inputText(part.text)),
    );
  for (const turn of request.turns) writer.turn(turn);
  return {
    ...(only && !isMessage && only.text !== "" && { instructions: only.text }),
    input: writer.items,
  };
}

/** True for state that `target` made and can read again. */
export function isOwnState(carrier: Carrier | undefined, target: Target): carrier is Carrier {
  return (
    carrier?.format === "responses" &&
    carrier.kind === "encrypted" &&
    (carrier.provider ?? target.provider) === target.provider
  );
}

/** A trailing assistant turn asks to be continued, which this dialect would answer with a new turn. */
function refusePrefill(turns: readonly Turn[]): void {
  const last = turns.at(-1);
  if (last?.role !== "assistant") return;
  throw new UnsupportedParameter(
    last.path ?? "input",
    "Responses upstreams cannot continue an assistant message; end with a user message",
    { code: "prefill_not_supported" },
  );
}

class InputWriter {
  readonly items: JsonObject[] = [];
  readonly #role: string;
  readonly #target: Target;
  /** Ids of custom tool calls; their results have another item type, which not every dialect knows. */
  readonly #freeformIds: ReadonlySet<string>;
  #content: JsonObject[] | undefined;

  constructor(turns: readonly Turn[], role: string, target: Target) {
    this.#role = role;
    this.#target = target;
    const calls = turns.flatMap((turn) => turn.parts).filter((part) => part.kind === "toolCall");
    this.#freeformIds = new Set(calls.filter((call) => call.isFreeform).map((call) => call.id));
  }

  message(role: string, content: JsonObject[], phase?: string): JsonObject[] {
    this.items.push({ type: "message", role, content, ...(phase !== undefined && { phase }) });
    return content;
  }

  turn(turn: Turn): void {
    if (turn.name) {
      this.#target.losses.add(`${turn.path ?? "input"}.name`, "Responses messages have no name");
    }
    this.#content = undefined;
    for (const part of turn.parts) {
      const content = this.#contentOf(part, turn);
      if (content && this.#content) this.#content.push(content);
      else if (content) {
        const role = turn.role === "system" ? this.#role : turn.role;
        this.#content = this.message(role, [content], turn.phase);
      } else this.#item(part);
    }
  }

  /** The part as message content; undefined for what is an item of its own, or nothing. */
  #contentOf(part: Part, { role }: Turn): JsonObject | undefined {
    switch (part.kind) {
      case "text":
        return role === "assistant" ? outputText(part.text) : inputText(part.text);
      case "refusal":
        return { type: "refusal", refusal: part.text };
      case "image":
      case "document":
      case "audio":
        return this.#input(part, role);
      case "serverTool":
        return part.format === "responses" ? undefined : this.#foreignTool(part);
      default:
        return undefined;
    }
  }

  #input(part: InputPart, role: Turn["role"]): JsonObject {
    if (role === "assistant") {
      throw new UnsupportedParameter(part.path ?? "input", "assistant messages hold text only");
    }
    return encodeInputPart(part, this.#target.losses);
  }

  /** What the model should know of a tool that another provider ran: that it ran. */
  #foreignTool({ type, raw, path }: Extract<Part, { kind: "serverTool" }>): JsonObject {
    this.#target.losses.add(path ?? type, "a server tool of another dialect became a note");
    const name = typeof raw["name"] === "string" ? raw["name"] : type;
    const found = Array.isArray(raw["content"]) ? `${raw["content"].length} results` : undefined;
    const asked = raw["input"] === undefined ? undefined : JSON.stringify(raw["input"]);
    const note = (asked ?? found ?? "done").slice(0, 500);
    return outputText(`[server tool ${name}: ${note}]`);
  }

  #item(part: Part): void {
    const item = this.#itemOf(part);
    if (!item) return;
    this.items.push(item);
    this.#content = undefined;
  }

  #itemOf(part: Part): JsonObject | undefined {
    switch (part.kind) {
      case "thinking":
      case "redacted":
        return this.#reasoning(part);
      case "toolCall":
        return encodeCall(part);
      case "toolResult": {
        const isFreeform = part.isFreeform || this.#freeformIds.has(part.id);
        return {
          type: isFreeform ? "custom_tool_call_output" : "function_call_output",
          call_id: legalToolId(part.id, "responses"),
          output: encodeResult(part, this.#target.losses),
        };
      }
      case "serverTool":
        return part.raw;
      default:
        return undefined;
    }
  }

  #reasoning(part: Extract<Part, { kind: "thinking" | "redacted" }>): JsonObject | undefined {
    const { carrier } = part;
    if (!isOwnState(carrier, this.#target)) {
      this.#target.losses.add("thinking", "reasoning of another provider is not sent");
      return undefined;
    }
    const text = part.kind === "thinking" ? part.text : "";
    const isRaw = part.kind === "thinking" && part.isRaw === true;
    return {
      type: "reasoning",
      ...(carrier.id !== undefined && { id: carrier.id }),
      summary: text === "" || isRaw ? [] : [{ type: "summary_text", text }],
      ...(isRaw && text !== "" && { content: [{ type: "reasoning_text", text }] }),
      encrypted_content: carrier.data,
    };
  }
}

function outputText(text: string): JsonObject {
  return { type: "output_text", text, annotations: [] };
}

function encodeCall(part: Extract<Part, { kind: "toolCall" }>): JsonObject {
  const { isFreeform, namespace } = part;
  return {
    type: isFreeform ? "custom_tool_call" : "function_call",
    call_id: legalToolId(part.id, "responses"),
    name: part.name,
    ...(namespace !== undefined && { namespace }),
    ...(isFreeform ? { input: part.arguments } : { arguments: part.arguments }),
  };
}
