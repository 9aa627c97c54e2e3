// Fits a caller's tools to what the chosen upstream can name and run, and undoes it on the way back:
// namespaces flatten to `ns__name`, illegal names become deterministic ones, freeform tools become
// functions with one string. Hosted tools of another dialect are dropped by name or refused.

import { createHash } from "node:crypto";
import type {
  ConversationRequest,
  EmitReplyEvent,
  FormatId,
  Part,
  Reply,
  Tool,
  ToolChoice,
} from "#wire";
import { InvalidRequest, UnsupportedParameter } from "../errors.ts";
import type { Quirks } from "../formats/format.ts";
import type { Losses } from "../formats/losses.ts";
import { FreeformInput, unwrapFreeform } from "./freeform-input.ts";

/** Longest tool name that every dialect takes. */
export const MAX_TOOL_NAME_CHARS = 64;

const LEGAL_NAME = /^[A-Za-z0-9_-]+$/;
/** Gemini's names begin like an identifier; the others' may begin with any of their characters. */
const LEGAL_START: Readonly<Partial<Record<FormatId, RegExp>>> = { generate: /^[A-Za-z_]/ };
// Coding agents always send these; refusing them would refuse the agent.
const SEARCH_LIKE = /^(web_search|web_fetch|tool_search)/;

interface Original {
  readonly name: string;
  readonly namespace?: string;
  readonly isFreeform: boolean;
}

/** A request fitted to an upstream, and the way back for its answer. */
export interface AdaptedTools {
  readonly request: ConversationRequest;
  /** Wraps the receiver of canonical events so that it sees the caller's own tools again. */
  restoreEvents(emit: EmitReplyEvent): EmitReplyEvent;
  restoreReply(reply: Reply): Reply;
}

/** Fits tools, tool choice and tool history; throws InvalidRequest where they cannot be. */
export function adaptTools(
  request: ConversationRequest,
  upstream: { format: FormatId; quirks: Quirks },
  { hostedTools, losses }: { hostedTools: "drop" | "reject"; losses: Losses },
): AdaptedTools {
  const kept = request.tools.filter((tool) =>
    keepsTool(tool, upstream.format, hostedTools, losses),
  );
  const knowsFreeform = upstream.format === "chat" || upstream.format === "responses";
  const hasFreeform = knowsFreeform && upstream.quirks.hasNoFreeformTools !== true;
  const hasNamespaces = upstream.format === "responses";
  const names = new ToolNames({ hasFreeform, hasNamespaces, start: LEGAL_START[upstream.format] });
  const tools = kept.map((tool) => names.adapt(tool));
  if (!hasFreeform) nameGrammars(kept, losses);
  const turns = request.turns.map((turn) => ({
    ...turn,
    parts: turn.parts.map((part) => names.adaptPart(part)),
  }));
  const { toolChoice, ...rest } = request;
  const choice = toolChoice && adaptChoice(toolChoice, names, losses);
  return {
    request: { ...rest, tools, turns, ...(choice && { toolChoice: choice }) },
    restoreEvents: (emit) => (names.isIdentity ? emit : restoreEvents(names, emit)),
    restoreReply: (reply) => (names.isIdentity ? reply : restoreReply(names, reply)),
  };
}

/** A grammar that only the description tells of binds no model. */
function nameGrammars(tools: readonly Tool[], losses: Losses): void {
  for (const tool of tools) {
    if (tool.kind !== "freeform" || !tool.grammar) continue;
    losses.add(`${tool.path ?? "tools"}.format`, "the grammar is told, not enforced");
  }
}

function keepsTool(
  tool: Tool,
  format: FormatId,
  hostedTools: "drop" | "reject",
  losses: Losses,
): boolean {
  if (tool.kind !== "hosted" || tool.format === format) return true;
  const path = tool.path ?? "tools";
  if (hostedTools === "drop" && SEARCH_LIKE.test(tool.type)) {
    losses.add(path, `${tool.type} is run by another provider; dropped`);
    return false;
  }
  throw new UnsupportedParameter(path, `the chosen model's provider cannot run ${tool.type}`, {
    code: "unsupported_tool",
  });
}

function adaptChoice(choice: ToolChoice, names: ToolNames, losses: Losses): ToolChoice | undefined {
  switch (choice.mode) {
    case "auto":
    case "none":
      return names.isEmpty ? undefined : choice;
    case "required":
      if (!names.isEmpty) return choice;
      break;
    case "tool":
      if (names.has(choice.name)) return { ...choice, name: names.sent(choice.name) };
      break;
    case "allowed": {
      const kept = choice.names.filter((name) => names.has(name));
      if (kept.length > 0) return { ...choice, names: kept.map((name) => names.sent(name)) };
    }
  }
  losses.add("tool_choice", "the tool it names was dropped");
  return undefined;
}

/** Both directions of the name mapping of one request. */
class ToolNames {
  readonly #originals = new Map<string, Original>();
  readonly #sentByCaller = new Map<string, string>();
  readonly #hasFreeform: boolean;
  readonly #hasNamespaces: boolean;
  readonly #start: RegExp;
  #count = 0;
  isIdentity = true;

  constructor({
    hasFreeform,
    hasNamespaces,
    start = LEGAL_NAME,
  }: {
    hasFreeform: boolean;
    hasNamespaces: boolean;
    start: RegExp | undefined;
  }) {
    this.#start = start;
    this.#hasFreeform = hasFreeform;
    this.#hasNamespaces = hasNamespaces;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** True when the caller's name is that of a tool that goes upstream. */
  has(name: string): boolean {
    return this.#sentByCaller.has(name);
  }

  /** The name that goes upstream for a name the caller used. */
  sent(name: string): string {
    return this.#sentByCaller.get(name) ?? name;
  }

  /** What the caller calls the tool that a reply calls so. */
  original({ name, namespace }: { name: string; namespace?: string }): Original | undefined {
    return this.#originals.get(this.#key(name, namespace));
  }

  #key(name: string, namespace: string | undefined): string {
    return this.#hasNamespaces ? `${namespace ?? ""}/${name}` : name;
  }

  adapt(tool: Tool): Tool {
    this.#count += 1;
    if (tool.kind === "hosted") {
      // A choice may name a hosted tool by its type.
      this.#sentByCaller.set(tool.type, tool.type);
      return tool;
    }
    const name = this.#register(tool);
    const { namespace, ...flat } = tool;
    const named =
      this.#hasNamespaces && namespace !== undefined ? { ...tool, name } : { ...flat, name };
    if (tool.kind === "function" || this.#hasFreeform) return named;
    const grammar = tool.grammar
      ? `\n\nInput grammar (${tool.grammar.syntax}):\n${tool.grammar.definition}`
      : "";
    return {
      kind: "function",
      name,
      description: `${tool.description ?? ""}${grammar}`.trim(),
      schema: {
        type: "object",
        properties: { input: { type: "string", description: "The raw input of the tool." } },
        required: ["input"],
        additionalProperties: false,
      },
      ...(tool.path !== undefined && { path: tool.path }),
    };
  }

  adaptPart(part: Part): Part {
    if (part.kind === "toolResult" && part.isFreeform && !this.#hasFreeform) {
      const { isFreeform: _, ...plain } = part;
      return plain;
    }
    if (part.kind !== "toolCall") return part;
    const name = this.#legal(part.name, part.namespace);
    const { namespace, isFreeform, ...call } = part;
    const wrapsInput = isFreeform === true && !this.#hasFreeform;
    return {
      ...call,
      name,
      ...(namespace !== undefined && this.#hasNamespaces && { namespace }),
      ...(isFreeform && this.#hasFreeform && { isFreeform }),
      ...(wrapsInput && { arguments: JSON.stringify({ input: part.arguments }) }),
    };
  }

  #register(tool: Exclude<Tool, { kind: "hosted" }>): string {
    const name = this.#legal(tool.name, tool.namespace);
    const key = this.#key(name, tool.namespace);
    if (this.#originals.has(key)) {
      throw new InvalidRequest(`Two tools would both be named "${name}" upstream; rename one.`, {
        code: "duplicate_tool",
        param: tool.path,
      });
    }
    const becomesFunction = tool.kind === "freeform" && !this.#hasFreeform;
    this.#originals.set(key, {
      name: tool.name,
      ...(tool.namespace !== undefined && { namespace: tool.namespace }),
      isFreeform: becomesFunction,
    });
    this.#sentByCaller.set(tool.name, name);
    if (name !== tool.name || becomesFunction) this.isIdentity = false;
    return name;
  }

  #legal(name: string, namespace: string | undefined): string {
    const flat = namespace === undefined || this.#hasNamespaces ? name : `${namespace}__${name}`;
    const isLegal = LEGAL_NAME.test(flat) && this.#start.test(flat);
    if (flat.length <= MAX_TOOL_NAME_CHARS && isLegal) return flat;
    const hash = createHash("sha256").update(flat).digest("hex").slice(0, 8);
    const spelt = flat.replace(/[^A-Za-z0-9_-]/g, "_");
    const begun = this.#start.test(spelt) ? spelt : `_${spelt}`;
    return `${begun.slice(0, MAX_TOOL_NAME_CHARS - 9)}_${hash}`;
  }
}

function restoreEvents(names: ToolNames, emit: EmitReplyEvent): EmitReplyEvent {
  let freeform: FreeformInput | undefined;
  return (event) => {
    if (event.type === "open" && event.kind === "toolCall") {
      const original = names.original(event);
      freeform = original?.isFreeform ? new FreeformInput() : undefined;
      return emit({ ...event, ...(original && restored(original)) });
    }
    if (!freeform) return emit(event);
    const text =
      event.type === "delta"
        ? freeform.push(event.text)
        : event.type === "close"
          ? freeform.end()
          : "";
    if (text !== "") emit({ type: "delta", text });
    if (event.type === "close" || event.type === "error") freeform = undefined;
    if (event.type !== "delta") emit(event);
  };
}

function restored({ name, namespace, isFreeform }: Original) {
  return {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(isFreeform && { isFreeform: true }),
  };
}

function restoreReply(names: ToolNames, reply: Reply): Reply {
  const parts = reply.parts.map((part) => {
    const original = part.kind === "toolCall" ? names.original(part) : undefined;
    if (part.kind !== "toolCall" || !original) return part;
    return {
      ...part,
      ...restored(original),
      ...(original.isFreeform && { arguments: unwrapFreeform(part.arguments) }),
    };
  });
  return { ...reply, parts };
}
