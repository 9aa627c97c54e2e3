// Input items of a caller → turns. What the model did between two user messages is one assistant turn,
// and the results that follow are one user turn, as the other dialects need it. Items that refer to state
// which we do not hold are refused by name: answering without them would be answering something else.

import { z } from "zod";
import type { Json, JsonObject, Part, TextPart, Tool, ToolCallPart, Turn } from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { Losses } from "../losses.ts";
import { carrierInSlot } from "./carriers.ts";
import {
  decodeAssistantContent,
  decodeInstructions,
  decodeResult,
  decodeUserContent,
} from "./content-decoder.ts";
import { REASONING_SEPARATOR } from "./output-items.ts";
import { jsonObject, parseAt } from "./request-schema.ts";
import { decodeTools } from "./tool-decoder.ts";

/** What the input says, beside the top-level fields. */
export interface DecodedInput {
  readonly instructions: readonly TextPart[];
  readonly turns: readonly Turn[];
  /** Tools that items bring along, in order. */
  readonly tools: readonly Tool[];
  /** The last effort set in mid-conversation, and where. */
  readonly effort?: { readonly value: string; readonly path: string };
}

/** `input` → conversation; throws InvalidRequest with the path of what cannot be understood. */
export function decodeInput(input: string | readonly JsonObject[], losses: Losses): DecodedInput {
  const transcript = new Transcript(losses);
  if (typeof input === "string") {
    transcript.add("user", [{ kind: "text", text: input, path: "input" }], "input");
  } else {
    for (const [index, item] of input.entries()) transcript.take(item, `input[${index}]`);
  }
  return transcript.result;
}

/** Items of provider-run tools: history that another provider can at best be told about. */
const SERVER_ITEMS = new Set([
  "web_search_call",
  "x_search_call",
  "file_search_call",
  "code_interpreter_call",
  "image_generation_call",
  "mcp_list_tools",
  "mcp_call",
  "tool_search_call",
]);

/** Items that cannot leave the dialect, and what to do instead. */
const REFUSED_ITEMS = new Map<string, string>([
  ["item_reference", "items are not stored here; send the item itself"],
  ["compaction", "only the provider that compacted the history can read it; send the history"],
  ["compaction_trigger", "the chosen upstream cannot compact"],
  ["computer_call", "the chosen upstream has no computer tool"],
  ["computer_call_output", "the chosen upstream has no computer tool"],
  ["local_shell_call", "the chosen upstream has no local_shell tool; use a function tool"],
  ["local_shell_call_output", "the chosen upstream has no local_shell tool; use a function tool"],
  ["shell_call", "the chosen upstream has no shell tool; use a function tool"],
  ["shell_call_output", "the chosen upstream has no shell tool; use a function tool"],
  ["apply_patch_call", "the chosen upstream has no apply_patch tool; use a custom tool"],
  ["apply_patch_call_output", "the chosen upstream has no apply_patch tool; use a custom tool"],
  ["mcp_approval_request", "the chosen upstream runs no MCP tools"],
  ["mcp_approval_response", "the chosen upstream runs no MCP tools"],
  ["program", "the chosen upstream has no programmatic tool calling"],
  ["program_output", "the chosen upstream has no programmatic tool calling"],
]);

const Call = z.object({
  call_id: z.string().min(1),
  name: z.string().min(1),
  namespace: z.string().nullish(),
});
const FunctionCall = Call.extend({ arguments: z.string() });
const CustomCall = Call.extend({ input: z.string() });
const CallOutput = z.object({ call_id: z.string().min(1) });
const ReasoningText = z.array(z.looseObject({ text: z.string() }));
const ReasoningItem = z.object({
  id: z.string().nullish(),
  summary: ReasoningText.nullish(),
  content: ReasoningText.nullish(),
  encrypted_content: z.string().nullish(),
});
const ToolsItem = z.object({ tools: z.array(jsonObject) });
const Update = z.object({
  reasoning: z.object({ effort: z.string().nullish() }).nullish(),
  text: z.unknown().optional(),
});

interface Draft {
  readonly role: Turn["role"];
  readonly parts: Part[];
  readonly path: string;
  phase?: string;
}

class Transcript {
  readonly #losses: Losses;
  readonly #instructions: TextPart[] = [];
  readonly #turns: Draft[] = [];
  readonly #tools: Tool[] = [];
  #effort: { value: string; path: string } | undefined;

  constructor(losses: Losses) {
    this.#losses = losses;
  }

  get result(): DecodedInput {
    return {
      instructions: this.#instructions,
      turns: this.#turns,
      tools: this.#tools,
      ...(this.#effort && { effort: this.#effort }),
    };
  }

  take(item: JsonObject, path: string): void {
    const type = item["type"] ?? (item["role"] === undefined ? "item_reference" : "message");
    switch (type) {
      case "message":
        this.#message(item, path);
        return;
      case "reasoning":
        this.#reasoning(item, path);
        return;
      case "function_call":
      case "custom_tool_call":
        this.add("assistant", [decodeCall(item, path)], path);
        return;
      case "function_call_output":
      case "custom_tool_call_output":
        this.#result(item, path);
        return;
      case "additional_tools":
      // The tools that a search found stay callable although the search itself is not shown.
      case "tool_search_output":
        this.#bringTools(item, path);
        return;
      case "configuration_update":
        this.#update(item, path);
        return;
      default:
        this.#other(type, item, path);
    }
  }

  /** Appends a contribution; the model's own and runs of tool results join the turn before. */
  add(role: Draft["role"], parts: Part[], path: string): Draft {
    const last = this.#turns.at(-1);
    const isResult = parts.every((part) => part.kind === "toolResult");
    const isAfterResults = last?.parts.every((part) => part.kind === "toolResult") ?? false;
    const canJoin = role === "assistant" || (isResult && isAfterResults);
    if (last && last.role === role && canJoin) {
      last.parts.push(...parts);
      return last;
    }
    const draft: Draft = { role, parts, path };
    this.#turns.push(draft);
    return draft;
  }

  #message(item: JsonObject, path: string): void {
    const content = item["content"];
    const at = `${path}.content`;
    switch (item["role"]) {
      case "user":
        this.add("user", decodeUserContent(content, at), path);
        return;
      case "system":
      case "developer":
        this.#instruct(decodeInstructions(content, at), path);
        return;
      case "assistant": {
        const turn = this.add("assistant", decodeAssistantContent(content, at), path);
        if (typeof item["phase"] !== "string") return;
        turn.phase = item["phase"];
        this.#losses.add(`${path}.phase`, "only Responses upstreams know phases");
        return;
      }
      default:
        throw unknown(`${path}.role`, item["role"]);
    }
  }

  #instruct(parts: TextPart[], path: string): void {
    if (this.#turns.length === 0) this.#instructions.push(...parts);
    else this.add("system", parts, path);
  }

  #reasoning(item: JsonObject, path: string): void {
    const { id, summary, content, encrypted_content: slot } = parseAt(ReasoningItem, item, path);
    const summaryText = joined(summary);
    const text = summaryText || joined(content);
    const isRaw = summaryText === "" && text !== "";
    const carrier = slot
      ? carrierInSlot(slot, {
          id: id ?? undefined,
          path: `${path}.encrypted_content`,
          losses: this.#losses,
        })
      : undefined;
    const isOpaque = carrier?.kind === "encrypted" || carrier?.kind === "redacted";
    if (text === "" && carrier && isOpaque) {
      this.add("assistant", [{ kind: "redacted", carrier, path }], path);
    } else if (text !== "" || carrier) {
      const part = { kind: "thinking", text, ...(isRaw && { isRaw }), path } as const;
      this.add("assistant", [{ ...part, ...(carrier && { carrier }) }], path);
    }
  }

  #result(item: JsonObject, path: string): void {
    const { call_id: id } = parseAt(CallOutput, item, path);
    const parts = decodeResult(item["output"], `${path}.output`);
    const isFreeform = item["type"] === "custom_tool_call_output";
    const part = {
      kind: "toolResult",
      id,
      parts,
      ...(isFreeform && { isFreeform }),
      path,
    } as const;
    this.add("user", [part], path);
  }

  #bringTools(item: JsonObject, path: string): void {
    const { tools } = parseAt(ToolsItem, item, path);
    this.#tools.push(...decodeTools(tools, `${path}.tools`, this.#losses));
  }

  #update(item: JsonObject, path: string): void {
    const { reasoning, text } = parseAt(Update, item, path);
    if (text !== undefined) {
      throw new UnsupportedParameter(`${path}.text`, "set text.format for the whole request");
    }
    if (!reasoning?.effort) return;
    this.#effort = { value: reasoning.effort, path: `${path}.reasoning.effort` };
    this.#losses.add(`${path}.reasoning.effort`, "applied to the whole request");
  }

  #other(type: Json, item: JsonObject, path: string): void {
    if (typeof type !== "string") throw unknown(`${path}.type`, type);
    if (SERVER_ITEMS.has(type)) {
      const part = { kind: "serverTool", format: "responses", type, raw: item, path } as const;
      this.add("assistant", [part], path);
      return;
    }
    const reason = REFUSED_ITEMS.get(type);
    if (reason === undefined) throw unknown(`${path}.type`, type);
    throw new UnsupportedParameter(path, `${type}: ${reason}`, { code: "unsupported_item" });
  }
}

function decodeCall(item: JsonObject, path: string): ToolCallPart {
  const isFreeform = item["type"] === "custom_tool_call";
  const call = isFreeform ? parseAt(CustomCall, item, path) : parseAt(FunctionCall, item, path);
  const given = "input" in call ? call.input : call.arguments;
  return {
    kind: "toolCall",
    id: call.call_id,
    name: call.name,
    ...(call.namespace && { namespace: call.namespace }),
    arguments: given === "" && !isFreeform ? "{}" : given,
    ...(isFreeform && { isFreeform: true }),
    path,
  };
}

function joined(parts: readonly { text: string }[] | null | undefined): string {
  const texts = (parts ?? []).map((part) => part.text).filter(Boolean);
  return texts.join(REASONING_SEPARATOR);
}

function unknown(param: string, value: Json | undefined): InvalidRequest {
  return new InvalidRequest(`${param}: unknown value ${JSON.stringify(value ?? null)}`, { param });
}
