// One content block of an upstream stream, turned into canonical events while it is the live one.
// Text opens with its first content and thinking at once; a provider-run tool is gathered whole.

import type { EmitReplyEvent, Json, JsonObject } from "#wire";
import { parseJson } from "#wire";
import { decodeCitation, decodeCitations } from "./citations.ts";
import { upstreamState } from "./opaque-state.ts";
import { RAW_INPUT_KEY } from "./tool-input.ts";

/** What a block needs to know about the stream it is in. */
export interface BlockStream {
  readonly emit: EmitReplyEvent;
  readonly provider: string;
}

/** A block that receives the deltas of one index; call `begin` first and `end` last, once each. */
export interface StreamBlock {
  begin(): void;
  delta(delta: JsonObject): void;
  end(): void;
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/**
 * Text or thinking. Some hosts put the deltas of one into the block of the other, where SDKs lose
 * them: the kind follows the delta, as a new canonical block.
 */
class ProseBlock implements StreamBlock {
  readonly #stream: BlockStream;
  readonly #raw: JsonObject;
  #open: "text" | "thinking" | undefined;
  #signature: Json | undefined;

  constructor(raw: JsonObject, stream: BlockStream) {
    this.#raw = raw;
    this.#stream = stream;
  }

  begin(): void {
    if (this.#raw.type === "thinking") {
      this.#become("thinking");
      this.#signature = this.#raw.signature;
      this.#say("thinking", text(this.#raw.thinking));
      return;
    }
    this.#say("text", text(this.#raw.text));
    for (const citation of decodeCitations(this.#raw.citations)) {
      this.#become("text");
      this.#stream.emit({ type: "citation", citation });
    }
  }

  delta(delta: JsonObject): void {
    switch (delta.type) {
      case "text_delta":
        this.#say("text", text(delta.text));
        return;
      case "thinking_delta":
        this.#say("thinking", text(delta.thinking));
        return;
      case "signature_delta":
        this.#become("thinking");
        this.#signature = delta.signature;
        return;
      case "citations_delta": {
        const citation = decodeCitation(delta.citation);
        if (!citation) return;
        this.#become("text");
        this.#stream.emit({ type: "citation", citation });
      }
    }
  }

  end(): void {
    if (this.#open === undefined) return;
    const carrier =
      this.#open === "thinking"
        ? upstreamState(this.#signature, "signature", this.#stream.provider)
        : undefined;
    this.#open = undefined;
    this.#signature = undefined;
    this.#stream.emit({ type: "close", ...(carrier && { carrier }) });
  }

  #become(kind: "text" | "thinking"): void {
    if (this.#open === kind) return;
    this.end();
    this.#open = kind;
    this.#stream.emit({ type: "open", kind });
  }

  #say(kind: "text" | "thinking", piece: string): void {
    if (piece === "") return;
    if (this.#open !== kind) this.#become(kind);
    this.#stream.emit({ type: "delta", text: piece });
  }
}

class ToolCallBlock implements StreamBlock {
  readonly #stream: BlockStream;
  readonly #raw: JsonObject;
  readonly #id: string;
  #hasArguments = false;

  constructor(raw: JsonObject, id: string, stream: BlockStream) {
    this.#raw = raw;
    this.#id = id;
    this.#stream = stream;
  }

  begin(): void {
    this.#stream.emit({ type: "open", kind: "toolCall", id: this.#id, name: text(this.#raw.name) });
  }

  delta(delta: JsonObject): void {
    const piece = text(delta.partial_json);
    if (piece === "") return;
    this.#hasArguments = true;
    this.#stream.emit({ type: "delta", text: piece });
  }

  end(): void {
    // Programmatic and fallback calls give the whole input at the start and no deltas.
    const whole = JSON.stringify(this.#raw.input ?? {});
    if (!this.#hasArguments && whole !== "{}") this.#stream.emit({ type: "delta", text: whole });
    this.#stream.emit({ type: "close" });
  }
}

class RedactedBlock implements StreamBlock {
  readonly #stream: BlockStream;
  readonly #raw: JsonObject;

  constructor(raw: JsonObject, stream: BlockStream) {
    this.#raw = raw;
    this.#stream = stream;
  }

  begin(): void {
    const carrier = upstreamState(this.#raw.data, "redacted", this.#stream.provider);
    if (carrier) this.#stream.emit({ type: "block", part: { kind: "redacted", carrier } });
  }

  delta(): void {}
  end(): void {}
}

/** Server tools, compaction, fallback markers, and whatever block comes next month. */
class ServerToolBlock implements StreamBlock {
  readonly #stream: BlockStream;
  readonly #raw: JsonObject;
  readonly #input: string[] = [];

  constructor(raw: JsonObject, stream: BlockStream) {
    this.#raw = raw;
    this.#stream = stream;
  }

  begin(): void {}

  delta({ type, partial_json, ...fields }: JsonObject): void {
    if (type === "input_json_delta") {
      this.#input.push(text(partial_json));
      return;
    }
    for (const [key, value] of Object.entries(fields)) {
      const before = this.#raw[key];
      if (typeof before === "string" && typeof value === "string") this.#raw[key] = before + value;
      else if (value !== undefined && value !== null) this.#raw[key] = value;
    }
  }

  end(): void {
    const input = this.#input.join("");
    if (input !== "") this.#raw.input = this.#parsed(input);
    this.#stream.emit({
      type: "block",
      part: {
        kind: "serverTool",
        format: "messages",
        type: text(this.#raw.type),
        raw: this.#raw,
      },
    });
  }

  #parsed(input: string): Json {
    try {
      return parseJson(input);
    } catch {
      return { [RAW_INPUT_KEY]: input };
    }
  }
}

/** The block for a `content_block`; `newId` names a tool call whose host did not. */
export function createStreamBlock(
  raw: JsonObject,
  { newId, stream }: { newId: () => string; stream: BlockStream },
): StreamBlock {
  switch (raw.type) {
    case "text":
    case "thinking":
      return new ProseBlock(raw, stream);
    case "tool_use":
      return new ToolCallBlock(raw, text(raw.id) || newId(), stream);
    case "redacted_thinking":
      return new RedactedBlock(raw, stream);
    default:
      return new ServerToolBlock(raw, stream);
  }
}
