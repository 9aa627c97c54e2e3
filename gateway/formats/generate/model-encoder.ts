// What an assistant turn holds → parts of a `model` content, each thought signature back on the part that it came
// with: a carrier names the call it belongs to, and one that names none belongs to text. Refuses to show foreign
// reasoning as text.

import type { Carrier, JsonObject, Part, ServerToolPart, ToolCallPart } from "#wire";
import { isJsonObject, parseJson } from "#wire";
import { UnsupportedParameter } from "../../errors.ts";
import type { Target } from "../format.ts";
import { upstreamCallId } from "./call-id.ts";
import { modelAbilities } from "./gemini-models.ts";
import { encodeText } from "./user-encoder.ts";

/**
 * What Google documents for calls that another model made: "skip_thought_signature_validator", in the base64 that
 * a field of bytes has in JSON.
 */
export const SKIP_SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

/** Key under which arguments travel that are no JSON object. */
const RAW_ARGS_KEY = "__raw";

function isOwn(carrier: Carrier | undefined, { provider }: Target): carrier is Carrier {
  if (carrier?.format !== "generate") return false;
  return carrier.provider === undefined || carrier.provider === provider;
}

function carrierOf(part: Part): Carrier | undefined {
  return part.kind === "thinking" || part.kind === "redacted" ? part.carrier : undefined;
}

/** The object for argument text; text that is none is wrapped, so that a truncated call still travels. */
function callArgs(part: ToolCallPart, target: Target): JsonObject {
  if (part.arguments.trim() === "") return {};
  try {
    const value = parseJson(part.arguments);
    if (isJsonObject(value)) return value;
  } catch {
    // Falls through to the wrapped form.
  }
  target.losses.add(part.path ?? "tool call", "arguments are no JSON object, wrapped");
  return { [RAW_ARGS_KEY]: part.arguments };
}

function encodeCall(part: ToolCallPart, signature: string | undefined, target: Target): JsonObject {
  if (part.isFreeform || part.namespace !== undefined) {
    const path = part.path ?? "tool call";
    throw new UnsupportedParameter(path, "this dialect has no freeform tools and no namespaces");
  }
  const id = upstreamCallId(part.id);
  return {
    functionCall: {
      ...(id !== undefined && { id }),
      name: part.name,
      args: callArgs(part, target),
    },
    ...(signature !== undefined && { thoughtSignature: signature }),
  };
}

/** One line for a provider-run tool of another provider, so that the model knows it ran. */
function encodeServerTool(part: ServerToolPart, target: Target): JsonObject {
  if (part.format === "generate") return part.raw;
  if (part.type.includes("compaction")) {
    const path = part.path ?? "messages";
    throw new UnsupportedParameter(path, "compacted history belongs to one provider");
  }
  target.losses.add(part.path ?? part.type, "a provider-run tool, told as text");
  const action = [part.raw.action, part.raw.input].find(isJsonObject) ?? part.raw;
  const query = typeof action.query === "string" ? `: ${action.query}` : "";
  const { name, content } = part.raw;
  const count = Array.isArray(content) ? ` → ${content.length} results` : "";
  return { text: `[server tool ${typeof name === "string" ? name : part.type}${query}${count}]` };
}

class ModelParts {
  readonly #parts: JsonObject[] = [];
  readonly #target: Target;
  /** Signatures by the id of their call. */
  readonly #ofCalls = new Map<string, string>();
  /** Signatures of text, and how many parts stood before each. */
  readonly #ofText: { readonly at: number; readonly signature: string }[] = [];

  constructor(parts: readonly Part[], target: Target) {
    this.#target = target;
    for (const part of parts) {
      const carrier = carrierOf(part);
      if (isOwn(carrier, target) && carrier.id !== undefined)
        this.#ofCalls.set(carrier.id, carrier.data);
    }
    for (const part of parts) this.#add(part);
    this.#signText();
    this.#supplySignature();
  }

  get list(): JsonObject[] {
    return this.#parts;
  }

  #push(part: JsonObject | undefined): void {
    if (part) this.#parts.push(part);
  }

  #add(part: Part): void {
    const target = this.#target;
    switch (part.kind) {
      case "text":
        if (part.citations?.length)
          target.losses.add(`${part.path ?? "text"}.citations`, "dropped");
        return this.#push(encodeText(part.text));
      case "refusal":
        target.losses.add(part.path ?? "refusal", "told as text");
        return this.#push(encodeText(part.text));
      case "thinking":
      case "redacted":
        return this.#thought(part);
      case "toolCall":
        return this.#push(encodeCall(part, this.#ofCalls.get(part.id), target));
      case "serverTool":
        return this.#push(encodeServerTool(part, target));
      default:
        throw new UnsupportedParameter(part.path ?? part.kind, "not in an assistant message");
    }
  }

  #thought(part: Extract<Part, { kind: "thinking" | "redacted" }>): void {
    const { carrier } = part;
    if (!isOwn(carrier, this.#target)) {
      this.#target.losses.add(part.path ?? "reasoning", "reasoning without its state, left out");
      return;
    }
    if (part.kind === "thinking" && part.text !== "") {
      this.#parts.push({ text: part.text, thought: true });
    }
    if (carrier.id !== undefined) return;
    this.#ofText.push({ at: this.#parts.length, signature: carrier.data });
  }

  /** On the nearest text before, where a stream has it too; else on the next one, else on an empty text. */
  #signText(): void {
    const isFree = (part: JsonObject) =>
      typeof part.text === "string" && part.thought !== true && part.thoughtSignature === undefined;
    for (const { at, signature } of this.#ofText) {
      const text = this.#parts.slice(0, at).findLast(isFree) ?? this.#parts.slice(at).find(isFree);
      if (text) text.thoughtSignature = signature;
      else this.#parts.push({ text: "", thoughtSignature: signature });
    }
  }

  /** The first call of a step must be signed; a later one of the same step need not. */
  #supplySignature(): void {
    if (!modelAbilities(this.#target.model).needsSignatures) return;
    const first = this.#parts.find((part) => part.functionCall !== undefined);
    if (!first || first.thoughtSignature !== undefined) return;
    first.thoughtSignature = SKIP_SIGNATURE;
    this.#target.losses.add("reasoning", "a call without its thought signature, marked so");
  }
}

/** The parts of one model content. */
export function encodeModelParts(parts: readonly Part[], target: Target): JsonObject[] {
  return new ModelParts(parts, target).list;
}
