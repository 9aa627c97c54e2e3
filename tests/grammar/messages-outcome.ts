// Reads an Anthropic Messages answer, streamed or whole, the way a lenient client does.
// Server tools, compaction and fallback blocks say nothing to the client and are passed over.

import { type Fields, fields, fieldsList, number, parse, text } from "./findings.ts";
import {
  callArguments,
  CUT_OFF,
  type Outcome,
  type Stop,
  type TokenCount,
  type ToolCall,
  unwrapCarrier,
} from "./outcome.ts";
import { readFrames } from "./sse.ts";

const STOPS: Readonly<Record<string, Stop>> = {
  end_turn: "end",
  stop_sequence: "end",
  tool_use: "tool_use",
  max_tokens: "max_tokens",
  model_context_window_exceeded: "max_tokens",
  refusal: "refusal",
  pause_turn: "pause",
  compaction: "pause",
};

/** Reads a whole reply body. */
export function readMessagesBody(body: unknown): Outcome {
  const message = fields(body);
  if (message["type"] === "error") return { ...readContent([]), error: readError(message) };
  return {
    ...readContent(fieldsList(message["content"])),
    ...readEnd(message, fields(message["usage"])),
  };
}

/** Reads a stream by folding it into the body it spells. */
export function readMessagesStream(stream: string): Outcome {
  const blocks: Record<string, unknown>[] = [];
  let usage: Fields = {};
  let end: Fields = {};
  for (const frame of readFrames(stream)) {
    const event = fields(parse(frame.data));
    const block = blocks[number(event["index"]) ?? -1];
    switch (event["type"]) {
      case "message_start":
        usage = fields(fields(event["message"])["usage"]);
        break;
      case "content_block_start":
        blocks[number(event["index"]) ?? blocks.length] = { ...fields(event["content_block"]) };
        break;
      case "content_block_delta":
        if (block) applyDelta(block, fields(event["delta"]));
        break;
      case "message_delta":
        usage = mergeUsage(usage, fields(event["usage"]));
        end = fields(event["delta"]);
        break;
      case "message_stop":
        return { ...readContent(blocks), ...readEnd(end, usage) };
      case "error":
        return { ...readContent(blocks), error: readError(event) };
    }
  }
  return { ...readContent(blocks), error: CUT_OFF };
}

const DELTA_FIELDS: Readonly<Record<string, readonly [from: string, to: string]>> = {
  text_delta: ["text", "text"],
  thinking_delta: ["thinking", "thinking"],
  signature_delta: ["signature", "signature"],
  input_json_delta: ["partial_json", "json"],
};

function applyDelta(block: Record<string, unknown>, delta: Fields): void {
  const [from, to] = DELTA_FIELDS[text(delta["type"])] ?? [];
  if (from !== undefined && to !== undefined) block[to] = text(block[to]) + text(delta[from]);
}

// The last word wins field by field; a null or absent field leaves what message_start said.
function mergeUsage(before: Fields, after: Fields): Fields {
  const said = Object.entries(after).filter(([, value]) => value !== null);
  return { ...before, ...Object.fromEntries(said) };
}

function readContent(blocks: readonly Fields[]) {
  const calls: ToolCall[] = [];
  const opaque: string[] = [];
  let said = "";
  let thinking = "";
  // Not for-of: an index gap leaves a hole, which forEach skips.
  blocks.forEach((block) => {
    if (block["type"] === "text") said += text(block["text"]);
    if (block["type"] === "thinking") {
      thinking += text(block["thinking"]);
      opaque.push(unwrapCarrier(text(block["signature"])));
    }
    if (block["type"] === "redacted_thinking") opaque.push(unwrapCarrier(text(block["data"])));
    if (block["type"] === "tool_use") calls.push(readCall(block));
  });
  return {
    text: said,
    thinking,
    refusal: "",
    toolCalls: calls,
    opaque: opaque.filter((data) => data !== ""),
  };
}

function readCall(block: Fields): ToolCall {
  const whole = block["input"] === undefined ? "" : JSON.stringify(block["input"]);
  return {
    id: text(block["id"]),
    name: text(block["name"]),
    arguments: callArguments(text(block["json"]) || whole),
    isFreeform: false,
  };
}

function readEnd(message: Fields, usage: Fields) {
  const stop = STOPS[text(message["stop_reason"])];
  const count = readUsage(usage);
  return {
    ...(stop === undefined ? { error: CUT_OFF } : { stop }),
    refusal: text(fields(message["stop_details"])["explanation"]),
    ...(count && { usage: count }),
  };
}

// With compaction or an advisor the top-level figures cover the last pass only.
function readUsage(usage: Fields): TokenCount | undefined {
  const passes = fieldsList(usage["iterations"]);
  const counted = passes.length > 0 ? passes : [usage];
  if (number(counted[0]?.["output_tokens"]) === undefined) return undefined;
  const sum = (key: string) => counted.reduce((total, pass) => total + (number(pass[key]) ?? 0), 0);
  const cacheRead = sum("cache_read_input_tokens");
  const cacheWrite = sum("cache_creation_input_tokens");
  return {
    input: sum("input_tokens") + cacheRead + cacheWrite,
    cacheRead,
    cacheWrite,
    output: sum("output_tokens"),
  };
}

function readError(event: Fields) {
  const error = fields(event["error"]);
  return { code: text(error["type"]), message: text(error["message"]) };
}
